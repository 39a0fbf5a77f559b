"""Arrays a device left behind are read whole, plain and bounded, or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from edgekd.devices.arrays import read_array, write_array
from edgekd.errors import RunFailed


class _Trap:
    """Would write a file if it were ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_an_array_comes_back(tmp_path: Path) -> None:
    array = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    name = write_array(tmp_path, "output_0", array)
    back = read_array(tmp_path, name, samples=5)
    np.testing.assert_array_equal(back, array)
    assert back.flags.writeable
    assert [path.name for path in tmp_path.iterdir()] == ["output_0.npy"]


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    np.save(tmp_path / "a.npy", np.array([_Trap(trap)], dtype=object), allow_pickle=True)
    with pytest.raises(RunFailed, match=r"a\.npy: is not a whole"):
        read_array(tmp_path, "a.npy", samples=1)
    assert not trap.exists()


def test_a_header_that_lies_allocates_nothing(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(  # type: ignore[no-untyped-call]
        header, {"descr": "<f8", "fortran_order": False, "shape": (5, 2**50)}
    )
    (tmp_path / "a.npy").write_bytes(header.getvalue() + b"\0" * 64)
    with pytest.raises(RunFailed, match="not a whole"):
        read_array(tmp_path, "a.npy", samples=5)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"\x80\x04]."])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(RunFailed, match=r"^a\.npy: is not a whole"):
        read_array(tmp_path, "a.npy", samples=1)


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_torn_file_is_refused(tmp_path: Path, kept: float) -> None:
    write_array(tmp_path, "a", np.zeros((50, 50)))
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(RunFailed, match="not a whole"):
        read_array(tmp_path, "a.npy", samples=50)


def test_the_number_of_samples_must_be_right(tmp_path: Path) -> None:
    write_array(tmp_path, "a", np.zeros((4, 2)))
    with pytest.raises(RunFailed, match="not 5 samples"):
        read_array(tmp_path, "a.npy", samples=5)


def test_text_is_not_numbers(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(["x", "y"]))
    with pytest.raises(RunFailed, match="array of numbers"):
        read_array(tmp_path, "a.npy", samples=2)


@pytest.mark.parametrize("name", ["../a.npy", "link.npy", "absent.npy", "", "."])
def test_only_files_of_the_job_are_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    write_array(tmp_path, "a", np.zeros(1))
    (folder / "link.npy").symlink_to(tmp_path / "a.npy")
    with pytest.raises(RunFailed, match="not a file of this job"):
        read_array(folder, name, samples=1)


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="cannot be written: No such file"):
        write_array(tmp_path / "absent", "a", np.zeros(1))
