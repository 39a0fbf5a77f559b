from __future__ import annotations

from pathlib import Path

import pytest

from edgekd.data import find_source, text_folder
from edgekd.errors import BadInput
from edgekd.recipe import Data, Split

SOURCE = find_source("text_folder")


def folder_data(root: Path | None) -> Data:
    path = None if root is None else str(root)
    return Data(source="text_folder", path=path, split=Split(validation=1, test=1))


def write(root: Path, texts: dict[str, str | bytes]) -> Path:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts: dict[str, str | bytes] = {
        "sports/b.txt": "\ufeffA match\r\n\r\n was\twon. \n",
        "sports/a.TXT": "Über 3:2",
        "sports/deeper/c.txt": "a race",
        "arts/1.txt": "a film",
        "unlabelled/1.txt": "who knows",
        "sports/notes.md": "no sample",
        ".hidden/1.txt": "no sample",
        "outside.txt": "no sample",
    }
    return write(tmp_path / "texts", texts)


def test_class_folders(root: Path) -> None:
    samples = SOURCE.load(folder_data(root))
    assert samples.class_names == ("arts", "sports")
    assert samples.names == (
        *("arts/1.txt", "sports/a.TXT", "sports/b.txt", "sports/deeper/c.txt"),
        "unlabelled/1.txt",
    )
    assert samples.texts == ("a film", "Über 3:2", "A match was won.", "a race", "who knows")
    assert samples.labels.tolist() == [0, 1, 1, 1, -1]
    assert samples.inputs.shape == (5, 0)


def test_fingerprint_follows_names_and_contents(root: Path) -> None:
    seen = {SOURCE.fingerprint(folder_data(root))}
    (root / "sports" / "notes.md").write_text("still no sample")
    assert SOURCE.fingerprint(folder_data(root)) in seen
    (root / "arts" / "1.txt").write_text("another film")
    seen.add(SOURCE.fingerprint(folder_data(root)))
    (root / "arts" / "1.txt").rename(root / "sports" / "1.txt")
    write(root, {"arts/2.txt": "a play"})
    seen.add(SOURCE.fingerprint(folder_data(root)))
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("arts/2.txt", b"caf\xe9", r"arts/2\.txt: is not UTF-8 text"),
        ("arts/2.txt", b" \n\t", r"arts/2\.txt: is empty"),
        ("arts/2.txt", b"x" * (1024**2 + 1), r"arts/2\.txt: is larger than 1 MiB"),
        ("plays/2.md", b"a play", "the class 'plays' has no texts"),
    ],
)
def test_the_bad_file_is_named(root: Path, name: str, content: bytes, what: str) -> None:
    write(root, {name: content})
    with pytest.raises(BadInput, match=what):
        SOURCE.load(folder_data(root))


def test_another_encoding_may_be_named(root: Path) -> None:
    write(root, {"arts/2.txt": b"caf\xe9 \xa3\x81"})
    texts = text_folder.read_folder(root, other_encoding="windows-1252").texts
    assert texts is not None
    # 0x81 is no character of it.
    assert texts[1] == "café £\ufffd"


def test_no_folder(tmp_path: Path) -> None:
    for action in (SOURCE.fingerprint, SOURCE.load):
        with pytest.raises(BadInput, match=r"data\.path: is missing"):
            action(folder_data(None))
        with pytest.raises(BadInput, match="nowhere: is not a folder"):
            action(folder_data(tmp_path / "nowhere"))
    with pytest.raises(BadInput, match="has no class folders"):
        SOURCE.load(folder_data(tmp_path))
