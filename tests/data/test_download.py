from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgekd.data.download import MAX_DOWNLOAD_BYTES, cache_folder, download, find_local
from edgekd.errors import RunFailed

MEND = "fetch it with a browser"


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "edgekd"
    for ignored in ("", "relative/cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_folder() == tmp_path / ".cache" / "edgekd"


def test_own_folder_comes_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("EDGEKD_DATA", str(tmp_path / "own"))
    assert find_local("a/b") is None
    cached, own = tmp_path / "edgekd" / "a" / "b", tmp_path / "own" / "a" / "b"
    cached.mkdir(parents=True)
    assert find_local("a/b") == cached
    own.parent.mkdir(parents=True)
    own.write_text("a file")
    assert find_local("a/b") == own
    monkeypatch.setenv("EDGEKD_DATA", "")
    monkeypatch.chdir(tmp_path / "own")
    assert find_local("a/b") == cached


@pytest.mark.parametrize("checked", [True, False])
def test_download(tmp_path: Path, server: tuple[Path, str], checked: bool) -> None:
    folder, address = server
    content = bytes(range(256)) * 20_000
    (folder / "a.bin").write_bytes(content)
    destination = tmp_path / "cache" / "edgekd" / "b.bin"
    md5 = hashlib.md5(content).hexdigest() if checked else None
    download(f"{address}/a.bin", destination, mend=MEND, md5=md5)
    assert destination.read_bytes() == content
    assert list(destination.parent.iterdir()) == [destination]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("none.tar.gz", "cannot be fetched: HTTP Error 404"),
        ("other.tar.gz", "came with md5 [0-9a-f]{32}, not 0000"),
        ("huge.tar.gz", "is larger than 256 MiB"),
    ],
)
def test_failed_download_leaves_what_was_there(
    tmp_path: Path, server: tuple[Path, str], name: str, what: str
) -> None:
    folder, address = server
    (folder / "other.tar.gz").write_bytes(b"other")
    with (folder / "huge.tar.gz").open("wb") as stream:
        stream.truncate(MAX_DOWNLOAD_BYTES + 1)
    destination = tmp_path / "cache" / "a.tar.gz"
    destination.parent.mkdir()
    destination.write_bytes(b"before")
    with pytest.raises(RunFailed, match=rf"{address}/{name}: {what}.*\({MEND}\)$") as caught:
        download(f"{address}/{name}", destination, mend=MEND, md5="0" * 32)
    assert "\n" not in str(caught.value)
    assert list(destination.parent.iterdir()) == [destination]
    assert destination.read_bytes() == b"before"


def test_no_network_is_one_line(tmp_path: Path, closed_address: str) -> None:
    with pytest.raises(RunFailed, match=rf"cannot be fetched: .*refused.*\({MEND}\)$") as caught:
        download(f"{closed_address}/a", tmp_path / "a", mend=MEND)
    assert closed_address in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path: Path, server: tuple[Path, str]) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunFailed, match=r"cannot be fetched: .*exists"):
        download(server[1], tmp_path / "file" / "a", mend=MEND)
