"""Texts that language models learn from."""

from __future__ import annotations

from pathlib import Path

from edgekd.data.download import VARIABLE, download_pinned, find_local
from edgekd.errors import BadInput
from edgekd.files import cache_folder, digest, sha256_of
from edgekd.recipe.language import Corpus

# TinyShakespeare: public-domain text, collected by Andrej Karpathy for char-rnn.
ADDRESS = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
# Hex sha256 of the file.
CONTENT = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
FILE = "tinyshakespeare/tinyshakespeare.txt"

_ENDING = ".txt"
_BY_HAND = (
    f"fetch it with a browser and put it as {FILE} into a folder that the environment variable"
    f" {VARIABLE} names, or name it in corpus.path"
)


def corpus_files(corpus: Corpus) -> list[Path]:
    """The files of a corpus in their order, fetched where they are not here.

    Raises:
        BadInput: there is no such file, or no ``.txt`` in the folder.
        RunFailed: the text had to be fetched and could not be.
    """
    files = _local(corpus)
    if files is not None:
        return files
    path = cache_folder() / FILE
    download_pinned(ADDRESS, CONTENT, path, mend=_BY_HAND)
    return [path]


def fingerprint(corpus: Corpus) -> str:
    """A content hash of the text; nothing is fetched."""
    files = _local(corpus)
    return digest([CONTENT] if files is None else [sha256_of(path) for path in files])


def _local(corpus: Corpus) -> list[Path] | None:
    """The files that are already here; None where the text must be fetched."""
    if corpus.path is None:
        found = find_local(FILE)
        return None if found is None else [found]
    path = Path(corpus.path)
    if path.is_file():
        return [path]
    files = sorted(path.glob(f"*{_ENDING}")) if path.is_dir() else []
    if not files:
        what = f"holds no {_ENDING} files" if path.is_dir() else "there is no such file or folder"
        raise BadInput(what, where=str(path), mend="check corpus.path")
    return files
