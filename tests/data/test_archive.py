from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from edgekd.data.archive import read_archive


def everything(name: str, size: int) -> str | None:
    return name


def write_archive(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_wanted_files_are_read(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.tar.gz", {"./x/a": b"12", "x/b": b"345", "c": b""})
    seen = {}

    def wanted(name: str, size: int) -> str | None:
        seen[name] = size
        return name.upper() if name != "x/b" else None

    assert read_archive(path, wanted) == {"X/A": b"12", "C": b""}
    assert seen == {"x/a": 2, "x/b": 3, "c": 0}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE])
def test_only_regular_files_are_read(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("a")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    assert read_archive(path, everything) == {}


@pytest.mark.parametrize("cut", [0, 1, 10, 200, -1])
def test_cut_archive_is_refused(tmp_path: Path, cut: int) -> None:
    path = write_archive(tmp_path / "a.tar.gz", {"a": bytes(range(256)) * 40})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"\w"):
        read_archive(path, everything)


@pytest.mark.parametrize("kind", ["member", "header"])
def test_bomb_is_refused(tmp_path: Path, kind: str) -> None:
    """A member, or a header of one, that claims and unpacks to a gigabyte."""
    member = tarfile.TarInfo("a" if kind == "member" else "././@PaxHeader")
    member.size = 1024**3
    member.type = tarfile.REGTYPE if kind == "member" else tarfile.XHDTYPE
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(member.tobuf())
        for _ in range(300):
            stream.write(bytes(1024**2))
    with pytest.raises(ValueError, match="unpacks to more than 256 MiB"):
        read_archive(path, everything)
