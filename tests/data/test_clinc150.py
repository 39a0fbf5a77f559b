from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekd.data import clinc150, find_source
from edgekd.data.split import split_samples
from edgekd.errors import BadInput, RunFailed
from edgekd.files import sha256_of
from edgekd.recipe import Data, Split
from tests.conftest import ROOT

SHARED = ROOT.parent / "shared" / "data" / "clinc150"
SMALL: dict[str, Any] = {
    "oos_val": [["how far is the moon", "oos"]],
    "val": [["wake me  at six", "alarm"], ["say it in italian", "translate"]],
    "train": [["set an alarm", "alarm"], ["translate this", "translate"], ["alarm now", "alarm"]],
    "oos_test": [["who wrote it", "oos"], ["is it art", "oos"]],
    "test": [["an alarm please", "alarm"], ["in french", "translate"]],
    "oos_train": [["why", "oos"]],
}


def queries_data(path: Path | None = None, validation: int = 2) -> Data:
    split = Split(kind="official", validation=validation)
    return Data(source="clinc150", path=None if path is None else str(path), split=split)


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, which is not there yet, and no folder of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEKD_DATA", raising=False)
    return tmp_path / "cache" / "edgekd"


@pytest.mark.parametrize("folder", [True, False])
def test_named_file(tmp_path: Path, cache: Path, folder: bool) -> None:
    path = write(tmp_path / "own" / clinc150.FILE, SMALL)
    data = queries_data(path.parent if folder else path)
    samples = find_source("clinc150").load(data)
    assert samples.class_names == ("alarm", "translate")
    assert samples.texts is not None
    assert samples.texts[3] == "wake me at six"
    assert samples.labels.tolist() == [0, 1, 0, 0, 1, 0, 1]
    assert samples.names == (
        *("train/0", "train/1", "train/2", "validation/0", "validation/1", "test/0", "test/1"),
    )
    assert samples.outside == ("who wrote it", "is it art")
    dataset = split_samples(samples, data)
    assert dataset.parts["test"].tolist() == [5, 6]
    assert clinc150.fingerprint(data) == sha256_of(path)
    assert not cache.exists()


def test_fetched_once(
    cache: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(server[0] / "queries.json", SMALL)
    monkeypatch.setattr(clinc150, "ADDRESS", f"{server[1]}/queries.json")
    monkeypatch.setattr(clinc150, "CONTENT", sha256_of(path))
    before = clinc150.fingerprint(queries_data())
    assert not cache.exists()
    assert len(clinc150.load(queries_data()).labels) == 7
    path.unlink()
    assert len(clinc150.load(queries_data()).labels) == 7
    assert clinc150.fingerprint(queries_data()) == before
    assert [str(p.relative_to(cache)) for p in cache.rglob("*") if p.is_file()] == [
        f"{clinc150.FOLDER}/{clinc150.FILE}"
    ]


def test_own_folder_is_used(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / clinc150.FOLDER / clinc150.FILE, SMALL)
    monkeypatch.setenv("EDGEKD_DATA", str(tmp_path))
    assert clinc150.fingerprint(queries_data()) == sha256_of(path)
    assert len(clinc150.load(queries_data()).labels) == 7
    assert not cache.exists()


def test_what_cannot_be_fetched(
    cache: Path, server: tuple[Path, str], closed_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(server[0] / "queries.json", {**SMALL, "test": []})
    for address, what in [
        (f"{server[1]}/queries.json", "came with sha256 .*, not 36923c3"),
        (f"{server[1]}/missing.json", "cannot be fetched"),
        (f"{closed_address}/queries.json", "cannot be fetched"),
    ]:
        monkeypatch.setattr(clinc150, "ADDRESS", address)
        with pytest.raises(RunFailed, match=what) as failed:
            clinc150.load(queries_data())
        assert "EDGEKD_DATA" in str(failed.value)
        assert not [path for path in cache.rglob("*") if path.is_file()]


def test_a_cache_that_cannot_be_written(cache: Path) -> None:
    cache.parent.parent.mkdir(exist_ok=True)
    cache.parent.write_text("a file")
    with pytest.raises(RunFailed, match="cannot be written"):
        clinc150.load(queries_data())


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ([], "train: is no list of queries"),
        ({**SMALL, "val": None}, "val: is no list of queries"),
        ({**SMALL, "test": [["x"]]}, r"test\[0\]: is not \[query, intent\]"),
        ({**SMALL, "train": [["x", "a"], "yz"]}, r"train\[1\]: is not \[query, intent\]"),
        ({**SMALL, "train": [["x", 3]]}, r"train\[0\]: is no text"),
        ({**SMALL, "oos_test": [["", "oos"]]}, r"oos_test\[0\]: is empty"),
        ({**SMALL, "test": [["\ud800", "a"]]}, r"test\[0\]: holds half a surrogate pair"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, document: object, what: str) -> None:
    path = write(tmp_path / "own.json", document)
    with pytest.raises(BadInput, match=rf"own\.json: {what}"):
        clinc150.load(queries_data(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "x.json"):
        for action in (clinc150.fingerprint, clinc150.load):
            with pytest.raises(BadInput, match="there is no such file"):
                action(queries_data(path))


def test_the_real_file(cache: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the real queries are not here: {SHARED}")
    data = queries_data(SHARED, validation=3000)
    samples = clinc150.load(data)
    assert clinc150.fingerprint(data) == clinc150.CONTENT
    assert len(samples.class_names) == 150
    assert "oos" not in samples.class_names
    assert samples.official_test is not None
    assert np.bincount(samples.labels[samples.official_test]).tolist() == [30] * 150
    assert np.bincount(samples.labels[~samples.official_test]).tolist() == [120] * 150
    assert len(samples.outside) == 1000
    assert {part: len(one) for part, one in split_samples(samples, data).parts.items()} == {
        **{"train": 15_000, "validation": 3000, "test": 4500}
    }
