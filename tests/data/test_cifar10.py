from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from edgekd.data import cifar10
from edgekd.errors import BadInput, RunFailed
from edgekd.recipe import Data, Split

FILES = (*cifar10.TRAINING, cifar10.TEST)
RECORD = 3073


def cifar_data(path: Path | None) -> Data:
    split = Split(kind="official", validation=2)
    return Data(source="cifar10", path=None if path is None else str(path), split=split)


def batches(images: int = 4) -> dict[str, bytes]:
    draw = np.random.default_rng(0)
    found = {}
    for name in FILES:
        records = draw.integers(0, 256, (images, RECORD), dtype=np.uint8)
        records[:, 0] %= 10
        found[name] = records.tobytes()
    return found


def write_archive(path: Path, files: dict[str, bytes], folder: str = cifar10.FOLDER) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_folder(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("form", ["archive", "dotted", "folder", "outer"])
def test_archive_and_folder_give_the_images(tmp_path: Path, form: str) -> None:
    files = batches() | {"batches.meta.txt": b"airplane\n", "readme.html": b"<p>"}
    if form == "archive":
        path = write_archive(tmp_path / cifar10.ARCHIVE, files)
    elif form == "dotted":
        path = write_archive(tmp_path / "a.tar.gz", files, f"./{cifar10.FOLDER}")
    else:
        folder = write_folder(tmp_path / cifar10.FOLDER, files)
        path = folder if form == "folder" else tmp_path
    samples = cifar10.load(cifar_data(path))
    assert samples.inputs.shape == (24, 3, 32, 32)
    assert samples.inputs.dtype == np.uint8
    assert samples.class_names[3] == "cat"
    assert samples.official_test is not None
    assert np.flatnonzero(samples.official_test).tolist() == [20, 21, 22, 23]
    assert samples.names is not None
    assert samples.names[5] == "data_batch_2/1"
    assert len(set(samples.names)) == 24
    record = np.frombuffer(files["data_batch_2.bin"], np.uint8)[RECORD : 2 * RECORD]
    assert samples.labels[5] == record[0]
    # The second value of the third row of the green plane.
    assert samples.inputs[5, 1, 2, 1] == record[1 + 1024 + 2 * 32 + 1]
    assert cifar10.fingerprint(cifar_data(path)) == cifar10.fingerprint(cifar_data(path))


def test_fingerprint_follows_content(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", batches())
    before = cifar10.fingerprint(cifar_data(folder))
    (folder / cifar10.TEST).write_bytes(batches()[cifar10.TRAINING[0]])
    assert cifar10.fingerprint(cifar_data(folder)) != before


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("data_batch_3.bin", b"", "data_batch_3.bin has 0 bytes"),
        ("data_batch_3.bin", bytes(RECORD + 1), "data_batch_3.bin has 3074 bytes"),
        ("test_batch.bin", bytes(10_001 * RECORD), "test_batch.bin has 30733073 bytes"),
        ("test_batch.bin", b"\x0a" + bytes(RECORD - 1), "test_batch.bin holds the label 10"),
    ],
)
def test_wrong_batch_is_named(
    tmp_path: Path, packed: bool, name: str, content: bytes, what: str
) -> None:
    files = batches() | {name: content}
    path = tmp_path / "a"
    path = write_archive(path, files) if packed else write_folder(path, files)
    with pytest.raises(BadInput, match=what):
        cifar10.load(cifar_data(path))


@pytest.mark.parametrize("packed", [True, False])
def test_missing_batch_is_named(tmp_path: Path, packed: bool) -> None:
    files = batches()
    del files["data_batch_4.bin"]
    path = tmp_path / "a"
    path = write_archive(path, files) if packed else write_folder(path, files)
    with pytest.raises(BadInput, match=r"holds no .*data_batch_4\.bin \(take the binary version"):
        cifar10.load(cifar_data(path))


@pytest.mark.parametrize("form", ["archive", "folder", "outer"])
def test_python_version_is_refused(tmp_path: Path, form: str) -> None:
    files = {"data_batch_1": b"\x80\x04 a pickle", "batches.meta": b"\x80"}
    if form == "archive":
        path = write_archive(tmp_path / "cifar-10-python.tar.gz", files, "cifar-10-batches-py")
    else:
        folder = write_folder(tmp_path / "cifar-10-batches-py", files)
        path = folder if form == "folder" else tmp_path
    with pytest.raises(BadInput, match=r"python version.*take the binary version, https://www\.cs"):
        cifar10.load(cifar_data(path))


def test_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    for action in (cifar10.load, cifar10.fingerprint):
        with pytest.raises(BadInput, match=r"fetch https://www\.cs\.toronto\.edu/~kriz/cifar-10-b"):
            action(cifar_data(tmp_path / "none.tar.gz"))


def test_damaged_archive(tmp_path: Path) -> None:
    whole = write_archive(tmp_path / "whole", batches()).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    for content in (b"", b"no gzip", whole[: len(whole) // 2], bytes(flipped)):
        path = tmp_path / "damaged"
        path.write_bytes(content)
        with pytest.raises(BadInput, match=r"damaged: (cannot be read as \.tar\.gz|holds no)"):
            cifar10.load(cifar_data(path))


def test_links_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in FILES:
            member = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    with pytest.raises(BadInput, match="holds no"):
        cifar10.load(cifar_data(path))


def test_cache_is_used_where_it_has_the_right_content(
    tmp_path: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    content = write_archive(folder / cifar10.ARCHIVE, batches()).read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EDGEKD_DATA", raising=False)
    monkeypatch.setattr(cifar10, "ADDRESS", f"{address}/{cifar10.ARCHIVE}")
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(content).hexdigest())
    before = cifar10.fingerprint(cifar_data(None))
    assert not (tmp_path / "edgekd").exists()
    assert len(cifar10.load(cifar_data(None)).labels) == 24
    (folder / cifar10.ARCHIVE).unlink()
    assert len(cifar10.load(cifar_data(None)).labels) == 24
    assert cifar10.fingerprint(cifar_data(None)) == before
    (tmp_path / "edgekd" / cifar10.ARCHIVE).write_bytes(b"damaged")
    with pytest.raises(RunFailed, match="cannot be fetched"):
        cifar10.load(cifar_data(None))


def test_own_archive_comes_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_archive(tmp_path / cifar10.ARCHIVE, batches())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("EDGEKD_DATA", str(tmp_path))
    monkeypatch.setattr(cifar10, "ARCHIVE_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    assert len(cifar10.load(cifar_data(None)).labels) == 24
    path.write_bytes(b"another")
    with pytest.raises(BadInput, match=r"is not the official archive, of md5 \w+ \(fetch https"):
        cifar10.load(cifar_data(None))
    assert not (tmp_path / "none").exists()
