"""A folder of texts in class folders: ``<path>/<class>/<name>.txt``, UTF-8.

A folder called ``unlabelled`` beside the class folders holds texts without a label; they train the
student through the teacher alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgekd.data.samples import UNLABELLED, Samples
from edgekd.errors import BadInput
from edgekd.files import digest, sha256_of
from edgekd.recipe import Data

UNLABELLED_FOLDER = "unlabelled"
ENDING = ".txt"
MAX_TEXT_BYTES = 1024**2


def fingerprint(data: Data) -> str:
    """A hash over the relative name and the content of every text."""
    root = _root(data)
    return digest([[p.relative_to(root).as_posix(), sha256_of(p)] for p in _files(root)])


def load(data: Data) -> Samples:
    """Read every text."""
    return read_folder(_root(data))


def read_folder(root: Path, *, other_encoding: str | None = None) -> Samples:
    """Read every text of class folders; names are ``<class>/<name>.txt``.

    Args:
        root: holds the class folders.
        other_encoding: of the files that are not UTF-8; without it such a file is refused.

    Raises:
        BadInput: there are no texts, or one is empty, too large or in another encoding.
    """
    class_names = _classes(root)
    index = {name: number for number, name in enumerate(class_names)}
    files = _files(root)
    labels = [index.get(path.relative_to(root).parts[0], UNLABELLED) for path in files]
    return Samples(
        inputs=np.empty((len(files), 0), dtype=np.uint8),
        labels=np.asarray(labels, dtype=np.int64),
        class_names=class_names,
        scale=1.0,
        names=tuple(path.relative_to(root).as_posix() for path in files),
        texts=tuple(_read_text(path, other_encoding) for path in files),
    )


def _root(data: Data) -> Path:
    if data.path is None:
        raise BadInput("is missing", where="data.path", mend="name the folder of class folders")
    root = Path(data.path)
    if not root.is_dir():
        raise BadInput("is not a folder", where=str(root), mend="check data.path in the recipe")
    return root


def _classes(root: Path) -> tuple[str, ...]:
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    for folder in folders:
        if not any(path.suffix.lower() == ENDING for path in folder.rglob("*")):
            raise BadInput(
                f"the class {folder.name!r} has no texts",
                where=str(folder),
                mend=f"add files *{ENDING} or remove the folder",
            )
    return tuple(folder.name for folder in folders if folder.name != UNLABELLED_FOLDER)


def _files(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.glob("*/**/*")
        if path.suffix.lower() == ENDING
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


def _read_text(path: Path, other_encoding: str | None) -> str:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise BadInput("is larger than 1 MiB", where=str(path), mend="is it one text?")
        content = path.read_bytes()
    except OSError as error:
        raise BadInput("cannot be read", where=str(path), mend=error.strerror or "") from error
    return checked_text(_decode(content, path, other_encoding), str(path))


def checked_text(value: Any, where: str) -> str:
    """A text of one line; line ends and runs of white space become one space.

    Raises:
        BadInput: it is no text, empty, longer than a million characters, or holds half a character.
    """
    if not isinstance(value, str) or len(value) > MAX_TEXT_BYTES:
        raise BadInput("is no text of at most a million characters", where=where)
    text = " ".join(value.split())
    if not text:
        raise BadInput("is empty", where=where, mend="write a text or remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("holds half a surrogate pair", where=where, mend="repair it") from error
    return text


def _decode(content: bytes, path: Path, other_encoding: str | None) -> str:
    try:
        # With or without the mark that some editors put before the text.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if other_encoding is None:
            raise BadInput(
                "is not UTF-8 text", where=str(path), mend="save it in that encoding"
            ) from error
        return content.decode(other_encoding, errors="replace")
