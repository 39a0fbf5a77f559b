"""A folder of texts in class folders: ``<path>/<class>/<name>.txt``, UTF-8.

A folder called ``unlabelled`` beside the class folders holds texts without a label; they train the
student through the teacher alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgekd.data.class_folders import (
    class_files,
    class_labels,
    class_names,
    data_root,
    folder_fingerprint,
)
from edgekd.data.samples import Samples
from edgekd.errors import BadInput
from edgekd.recipe import Data

ENDINGS = frozenset({".txt"})
MAX_TEXT_BYTES = 1024**2


def fingerprint(data: Data) -> str:
    """A hash over the relative name and the content of every text."""
    root = data_root(data, "class folders")
    return folder_fingerprint(root, class_files(root, ENDINGS))


def load(data: Data) -> Samples:
    """Read every text."""
    return read_folder(data_root(data, "class folders"))


def read_folder(root: Path, *, other_encoding: str | None = None) -> Samples:
    """Read every text of class folders; names are ``<class>/<name>.txt``.

    Args:
        root: holds the class folders.
        other_encoding: of the files that are not UTF-8; without it such a file is refused.

    Raises:
        BadInput: there are no texts, or one is empty, too large or in another encoding.
    """
    names = class_names(root, ENDINGS, "texts")
    files = class_files(root, ENDINGS)
    return Samples(
        inputs=np.empty((len(files), 0), dtype=np.uint8),
        labels=class_labels(root, files, names),
        class_names=names,
        scale=1.0,
        names=tuple(path.relative_to(root).as_posix() for path in files),
        texts=tuple(_read_text(path, other_encoding) for path in files),
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
