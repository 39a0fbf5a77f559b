from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from edgekd.data import find_source, fsdd
from edgekd.errors import BadInput, RunFailed
from edgekd.recipe import Data, FrontEnd, Split
from tests.conftest import ROOT
from tests.data.wav_samples import ramp, write_wav

SHARED = ROOT.parent / "shared" / "data"
NAMES = tuple(f"{digit}_{who}_{n}.wav" for digit in "07" for who in ("ann", "bo") for n in (4, 5))
FRONT_END = FrontEnd(sample_rate=8000, seconds=0.1)


def digits_data(path: Path | None = None, front_end: FrontEnd | None = FRONT_END) -> Data:
    split = Split(kind="official", validation=2)
    named = None if path is None else str(path)
    return Data(source="fsdd", path=named, split=split, front_end=front_end)


def write_recordings(folder: Path) -> Path:
    for number, name in enumerate(NAMES):
        write_wav(folder / name, ramp(800, number))
    return folder


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    return write_recordings(tmp_path / "dataset" / "recordings")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, which is not there yet, and no folder of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EDGEKD_DATA", raising=False)
    return tmp_path / "cache" / "edgekd"


def pack(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def members(recordings: Path) -> dict[str, bytes]:
    """As GitHub packs the repository: a top folder, and more than the recordings."""
    files = {f"free-1.0.10/recordings/{p.name}": p.read_bytes() for p in recordings.iterdir()}
    return {"free-1.0.10/README.md": b"# FSDD", "free-1.0.10/metadata.py": b"x = 1", **files}


def content_of(recordings: Path) -> str:
    return fsdd.fingerprint(digits_data(recordings))


@pytest.mark.parametrize("inside", [True, False])
def test_named_folder(recordings: Path, cache: Path, inside: bool) -> None:
    data = digits_data(recordings if inside else recordings.parent)
    samples = find_source("fsdd").load(data)
    assert samples.names == NAMES
    assert samples.class_names == ("0", "7")
    assert samples.groups == ("ann", "ann", "bo", "bo") * 2
    assert samples.official_test is not None
    assert samples.official_test.tolist() == [True, False] * 4
    assert samples.inputs[3].tolist() == ramp(800, 3).tolist()
    assert fsdd.fingerprint(data) == content_of(recordings)
    assert not cache.exists()


def test_content_hash_is_that_of_sha256sum(recordings: Path) -> None:
    command = "LC_ALL=C sha256sum *.wav | sha256sum"
    result = subprocess.run(
        ["sh", "-c", command], cwd=recordings, capture_output=True, text=True, check=True
    )
    assert content_of(recordings) == result.stdout.split()[0]


def test_fingerprint_follows_content(recordings: Path) -> None:
    before = content_of(recordings)
    (recordings / "notes.txt").write_text("no recording")
    assert content_of(recordings) == before
    write_wav(recordings / NAMES[0], ramp(7))
    changed = content_of(recordings)
    assert changed != before
    (recordings / NAMES[1]).unlink()
    assert content_of(recordings) not in (before, changed)


def test_own_folder_is_used(recordings: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fsdd.fingerprint(digits_data()) == fsdd.CONTENT
    monkeypatch.setenv("EDGEKD_DATA", str(recordings.parent.parent))
    recordings.parent.rename(recordings.parent.parent / "fsdd")
    assert fsdd.load(digits_data()).names == NAMES
    assert fsdd.fingerprint(digits_data()) != fsdd.CONTENT
    assert not cache.exists()


def test_fetched_once(
    recordings: Path,
    cache: Path,
    server: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = pack(server[0] / "a.tar.gz", members(recordings))
    monkeypatch.setattr(fsdd, "ADDRESS", f"{server[1]}/a.tar.gz")
    monkeypatch.setattr(fsdd, "CONTENT", content_of(recordings))
    before = fsdd.fingerprint(digits_data())
    assert not cache.exists()
    assert fsdd.load(digits_data()).names == NAMES
    archive.unlink()
    assert fsdd.load(digits_data()).names == NAMES
    assert fsdd.fingerprint(digits_data()) == before
    assert [path.name for path in cache.iterdir()] == ["fsdd"]
    assert [path.name for path in (cache / "fsdd").iterdir()] == ["recordings"]


def test_nothing_but_recordings_is_unpacked(
    recordings: Path, tmp_path: Path, server: tuple[Path, str]
) -> None:
    hostile = {
        **dict.fromkeys(("../0_ann_9.wav", "/tmp/recordings/0_ann_9.wav", "a/../../x.wav"), b"x"),
        **dict.fromkeys(("f/recordings/../../0_ann_9.wav", "f/recordings/x/0_ann_9.wav"), b"x"),
        **dict.fromkeys(("f/recordings/0_../x_1.wav", "f/recordings/0_ann_9.wav.py"), b"x"),
    }
    pack(server[0] / "a.tar.gz", hostile | members(recordings))
    destination = tmp_path / "cache" / "fsdd"
    fsdd.fetch(f"{server[1]}/a.tar.gz", content_of(recordings), destination)
    found = {str(p.relative_to(destination)) for p in destination.rglob("*") if p.is_file()}
    assert found == {f"recordings/{name}" for name in NAMES}
    assert list(destination.parent.iterdir()) == [destination]
    assert not list(tmp_path.rglob("0_ann_9*"))


def refused(tmp_path: Path, address: str, content: str, what: str) -> None:
    """Fetching fails in one line that helps, and leaves nothing."""
    destination = tmp_path / "cache" / "fsdd"
    with pytest.raises(RunFailed, match=what) as caught:
        fsdd.fetch(address, content, destination)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{address}: ")
    assert "EDGEKD_DATA" in line
    assert "data.path" in line
    assert list(destination.parent.iterdir()) == []


@pytest.mark.parametrize("change", ["content", "more", "fewer", "name", "link"])
def test_other_recordings_are_refused(
    recordings: Path, tmp_path: Path, server: tuple[Path, str], change: str
) -> None:
    content = content_of(recordings)
    first = recordings / NAMES[0]
    if change == "content":
        first.write_bytes(first.read_bytes()[:-1] + b"\x07")
    elif change == "more":
        write_wav(recordings / "9_ann_0.wav", ramp(8))
    elif change == "name":
        first.rename(recordings / "1_ann_4.wav")
    else:
        first.unlink()
    archive = pack(server[0] / "a.tar.gz", members(recordings))
    if change == "link":
        with tarfile.open(archive, "w:gz") as packed:
            for path in recordings.iterdir():
                packed.add(path, f"f/recordings/{path.name}")
            member = tarfile.TarInfo(f"f/recordings/{NAMES[0]}")
            member.type, member.linkname = tarfile.SYMTYPE, NAMES[1]
            packed.addfile(member)
    refused(tmp_path, f"{server[1]}/a.tar.gz", content, "recordings that are not those of version")


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"<html>", "came as something else: .*gzip"), (b"\x1f\x8b", "came as something else")],
)
def test_no_archive(tmp_path: Path, server: tuple[Path, str], content: bytes, what: str) -> None:
    (server[0] / "a.tar.gz").write_bytes(content)
    refused(tmp_path, f"{server[1]}/a.tar.gz", fsdd.CONTENT, what)


@pytest.mark.parametrize("kind", ["many", "large"])
def test_too_many_or_too_large(tmp_path: Path, server: tuple[Path, str], kind: str) -> None:
    if kind == "many":
        names = [f"{n % 10}_{a}{b}_{n // 10}.wav" for a in "ab" for b in "cd" for n in range(1000)]
        files = dict.fromkeys([f"f/recordings/{name}" for name in names], b"")
    else:
        files = {f"f/recordings/{NAMES[0]}": bytes(fsdd.MAX_RECORDING_BYTES + 1)}
    pack(server[0] / "a.tar.gz", files)
    refused(tmp_path, f"{server[1]}/a.tar.gz", fsdd.CONTENT, "one too many or larger than 1 MiB")


def test_no_network(tmp_path: Path, closed_address: str) -> None:
    refused(tmp_path, f"{closed_address}/a.tar.gz", fsdd.CONTENT, "cannot be fetched: .*refused")


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RunFailed, match=r"cannot be written: .*EDGEKD_DATA"):
        fsdd.fetch("http://127.0.0.1/", fsdd.CONTENT, tmp_path / "cache" / "fsdd")


def test_another_run_was_faster(recordings: Path, tmp_path: Path, server: tuple[Path, str]) -> None:
    pack(server[0] / "a.tar.gz", members(recordings))
    destination = tmp_path / "cache" / "fsdd"
    for _ in range(2):
        fsdd.fetch(f"{server[1]}/a.tar.gz", content_of(recordings), destination)
    assert list(destination.parent.iterdir()) == [destination]


def test_what_is_missing_is_named(
    tmp_path: Path, cache: Path, closed_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fsdd, "ADDRESS", closed_address)
    with pytest.raises(BadInput, match=r"data\.front_end: is missing"):
        fsdd.load(digits_data(front_end=None))
    with pytest.raises(RunFailed, match="cannot be fetched"):
        fsdd.load(digits_data())
    write_wav(tmp_path / "classes" / "zero" / "a.wav", ramp(3))
    for folder in ("none", "classes"):
        for action in (fsdd.fingerprint, fsdd.load):
            with pytest.raises(BadInput, match=rf"{folder}: there are no recordings \{{digit"):
                action(digits_data(tmp_path / folder))
    (cache / "fsdd" / "recordings").mkdir(parents=True)
    with pytest.raises(BadInput, match="there are no recordings"):
        fsdd.fingerprint(digits_data())


@pytest.fixture
def real() -> Path:
    if not (SHARED / "fsdd").is_dir():
        pytest.skip(f"the real recordings are not here: {SHARED / 'fsdd'}")
    return SHARED / "fsdd"


def test_real_recordings(real: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKD_DATA", str(real.parent))
    data = digits_data(front_end=FrontEnd(sample_rate=8000))
    assert fsdd.fingerprint(data) == fsdd.fingerprint(digits_data(real)) == fsdd.CONTENT
    samples = fsdd.load(data)
    assert samples.inputs.shape == (3000, 8000)
    assert np.bincount(samples.labels).tolist() == [300] * 10
    assert samples.official_test is not None
    assert samples.official_test.sum() == 300
    assert not cache.exists()


def test_real_archive(real: Path, tmp_path: Path, server: tuple[Path, str]) -> None:
    """All recordings, packed as the tag is: within every bound, and of the known content."""
    with tarfile.open(server[0] / "a.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(real, "free-spoken-digit-dataset-1.0.10")
    fsdd.fetch(f"{server[1]}/a.tar.gz", fsdd.CONTENT, tmp_path / "cache" / "fsdd")
    found = sorted((tmp_path / "cache" / "fsdd" / "recordings").iterdir())
    assert len(found) == 3000
    assert hashlib.sha256(found[7].read_bytes()).digest() == (
        hashlib.sha256((real / "recordings" / found[7].name).read_bytes()).digest()
    )
