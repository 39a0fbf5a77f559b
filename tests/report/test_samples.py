"""Raw samples are read from the run folder alone, and only where they fit the report."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edgekd.records import Latency
from edgekd.report.samples import MOST_SAMPLES, read_samples

VALUES = np.array([0.5, 0.25, 4.0])


def _latency(samples: str | None, n: int = 3) -> Latency:
    return Latency(p50=0.5, p90=None, p99=None, n=n, warmup=0, samples=samples)


def test_samples_come_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "speed").mkdir()
    np.save(tmp_path / "speed" / "latency_ms.npy", VALUES)

    found = read_samples(tmp_path, _latency("speed/latency_ms.npy"))

    assert found is not None
    assert found.tolist() == VALUES.tolist()


def test_without_a_folder_or_a_name_there_are_none(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", VALUES)

    assert read_samples(None, _latency("s.npy")) is None
    assert read_samples(tmp_path, _latency(None)) is None
    assert read_samples(tmp_path, _latency("missing.npy")) is None


@pytest.mark.parametrize(
    "name",
    ["../outside.npy", "link.npy", "", ".", "a\0b", "x" * 5000],
    ids=["above", "link", "empty", "folder", "nul", "long"],
)
def test_nothing_outside_the_run_is_read(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    np.save(tmp_path / "outside.npy", VALUES)
    (run / "link.npy").symlink_to(tmp_path / "outside.npy")

    assert read_samples(run, _latency(name)) is None
    assert read_samples(run, _latency(str(tmp_path / "outside.npy"))) is None


@pytest.mark.parametrize(
    "values",
    [
        VALUES[:2],
        VALUES.reshape(1, 3),
        VALUES.astype(np.float32),
        np.array([1, 2, 3]),
        np.array([0.5, np.nan, 1.0]),
        np.array([0.5, np.inf, 1.0]),
        np.array([0.5, -1.0, 1.0]),
        np.array([None, None, None]),
    ],
    ids=["fewer", "matrix", "float32", "integers", "nan", "infinity", "negative", "objects"],
)
def test_what_is_no_list_of_so_many_milliseconds_is_not_used(
    tmp_path: Path, values: npt.NDArray[Any]
) -> None:
    np.save(tmp_path / "s.npy", values, allow_pickle=True)

    assert read_samples(tmp_path, _latency("s.npy")) is None


def test_a_file_that_claims_more_than_it_holds_is_not_used(tmp_path: Path) -> None:
    np.save(tmp_path / "s.npy", np.zeros(MOST_SAMPLES // 1024))
    honest = (tmp_path / "s.npy").read_bytes()
    shape = f"({MOST_SAMPLES // 1024},)".encode()
    claimed = f"({MOST_SAMPLES},)".encode()
    spare = b" " * (len(claimed) - len(shape))
    header = honest[:128].replace(shape, claimed).replace(spare, b"", 1)
    assert len(header) == 128
    (tmp_path / "s.npy").write_bytes(header + honest[128:])

    assert read_samples(tmp_path, _latency("s.npy", n=MOST_SAMPLES)) is None
    assert read_samples(tmp_path, _latency("s.npy", n=MOST_SAMPLES + 1)) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"\x93NUMPY\1\0\x0a\0((((((((((", b"PK\3\4" + b"\0" * 60],
    ids=["empty", "magic", "header", "zip"],
)
def test_a_damaged_file_is_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.npy").write_bytes(content)

    assert read_samples(tmp_path, _latency("s.npy")) is None


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    (tmp_path / "s.npy").write_bytes(pickle.dumps([0.5, 0.25, 4.0]))

    assert read_samples(tmp_path, _latency("s.npy")) is None
