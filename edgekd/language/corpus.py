"""Text files as token numbers on disk: written in a stream, read through memory maps.

A corpus is split by position, before anything looks at it: the first part of the text trains, the
next one validates, the last one tests. The borders are moved to the ends of lines.

A folder of tokens holds ``tokens-00000.npy`` and so on, one row of uint16 or uint32 each, and
``tokens.json``, which is written last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.files import write_json
from edgekd.language.array_files import write_array
from edgekd.language.tokens import MANIFEST, Shard, TokensManifest

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Progress = Callable[[int, int], None]

_SHARD_TOKENS = 2**24
_CHUNK_BYTES = 2**20


class Excerpt(NamedTuple):
    """Bytes ``start`` to ``stop`` of a text file in UTF-8."""

    path: Path
    start: int
    stop: int


class Split(NamedTuple):
    """The parts of a corpus, none of which overlap."""

    train: list[Excerpt]
    validation: list[Excerpt]
    test: list[Excerpt]


def split_by_position(files: Sequence[Path], validation: float, test: float) -> Split:
    """Split the text of files, taken one after the other, at ends of lines.

    Args:
        files: in UTF-8, in order.
        validation: share of the bytes.
        test: share of the bytes.

    Raises:
        BadInput: a file is not there, or there is too little text for three parts.
    """
    sizes = [_size(path) for path in files]
    total = sum(sizes)
    borders = [
        _line_start(files, sizes, round(total * share))
        for share in (1 - validation - test, 1 - test)
    ]
    parts = [
        _between(files, sizes, start, stop)
        for start, stop in zip([0, *borders], [*borders, total], strict=True)
    ]
    if not all(parts):
        raise BadInput(
            f"{total} bytes of text are too few to split",
            where="corpus",
            mend="give more text, or larger shares",
        )
    return Split(*parts)


def tokenize(
    excerpts: Sequence[Excerpt],
    tokenizer: Tokenizer,
    folder: Path,
    progress: Progress,
    *,
    end_token: int | None = None,
    shard_tokens: int = _SHARD_TOKENS,
    chunk_bytes: int = _CHUNK_BYTES,
) -> None:
    """Write the tokens of texts; memory is bounded by a chunk and a shard, not by the text.

    Text is cut into chunks where a line ends between two characters that are no white space:
    there no tokenizer that splits at white space notices the cut. Where a chunk has no such place
    it is cut at its end.

    Args:
        excerpts: texts, in order.
        tokenizer: adds no special tokens here.
        folder: made where it is missing.
        progress: called with (done, total) bytes.
        end_token: written after each file; null: none.
        shard_tokens: length of a shard.
        chunk_bytes: how much text is tokenized at once.

    Raises:
        BadInput: a file is not UTF-8.
        RunFailed: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dtype = np.dtype(np.uint16 if tokenizer.get_vocab_size() <= 2**16 else np.uint32)
    writer = _ShardWriter(folder, dtype, shard_tokens)
    text_hash = hashlib.sha256()
    total, done = sum(part.stop - part.start for part in excerpts), 0
    for excerpt in excerpts:
        for chunk in _chunks(excerpt, chunk_bytes):
            text_hash.update(chunk)
            encoding = tokenizer.encode(_text(chunk, excerpt.path), add_special_tokens=False)
            writer.add(np.array(encoding.ids, dtype=dtype))
            done += len(chunk)
            progress(done, total)
        if end_token is not None:
            writer.add(np.array([end_token], dtype=dtype))
    shards = writer.finish()
    manifest = TokensManifest(
        text_sha256=text_hash.hexdigest(),
        tokenizer_sha256=tokenizer_hash(tokenizer),
        text_bytes=total,
        vocabulary=tokenizer.get_vocab_size(),
        end_token=end_token,
        dtype="uint16" if dtype == np.uint16 else "uint32",
        shards=shards,
    )
    write_json(folder / MANIFEST, manifest.model_dump())


def tokenizer_hash(tokenizer: Tokenizer) -> str:
    """Hex sha256 of all that a tokenizer is."""
    return hashlib.sha256(tokenizer.to_str().encode()).hexdigest()


class _ShardWriter:
    """Collects tokens and writes a file each time that a shard is full."""

    def __init__(self, folder: Path, dtype: np.dtype[np.generic], length: int) -> None:
        self._folder = folder
        self._buffer = np.zeros(length, dtype=dtype)
        self._filled = 0
        self._shards: list[Shard] = []

    def add(self, tokens: npt.NDArray[np.generic]) -> None:
        while len(tokens):
            part = tokens[: len(self._buffer) - self._filled]
            self._buffer[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            tokens = tokens[len(part) :]
            if self._filled == len(self._buffer):
                self._flush()

    def finish(self) -> list[Shard]:
        if self._filled:
            self._flush()
        return self._shards

    def _flush(self) -> None:
        path = self._folder / f"tokens-{len(self._shards):05d}.npy"
        sha256 = write_array(path, self._buffer[: self._filled])
        self._shards.append(Shard(file=path.name, length=self._filled, sha256=sha256))
        self._filled = 0


def _size(path: Path) -> int:
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path), mend="check the corpus's files")
    return path.stat().st_size


def _line_start(files: Sequence[Path], sizes: Sequence[int], position: int) -> int:
    """The first start of a line at or after a position of the text as a whole."""
    before = 0
    for path, size in zip(files, sizes, strict=True):
        if position <= before:
            return before
        if position < before + size:
            with path.open("rb") as stream:
                stream.seek(position - before - 1)
                while stream.readline(_CHUNK_BYTES)[-1:] not in (b"\n", b""):
                    pass
                return before + stream.tell()
        before += size
    return before


def _between(files: Sequence[Path], sizes: Sequence[int], start: int, stop: int) -> list[Excerpt]:
    parts, before = [], 0
    for path, size in zip(files, sizes, strict=True):
        first, last = max(start - before, 0), min(stop - before, size)
        if first < last:
            parts.append(Excerpt(path, first, last))
        before += size
    return parts


def _chunks(excerpt: Excerpt, length: int) -> Iterator[bytes]:
    """The bytes of an excerpt, cut where a tokenizer does not notice."""
    with excerpt.path.open("rb") as stream:
        stream.seek(excerpt.start)
        left, rest = excerpt.stop - excerpt.start, b""
        while left:
            read = stream.read(min(length, left))
            if not read:
                raise BadInput("became shorter while it was read", where=str(excerpt.path))
            left -= len(read)
            rest += read
            cut = _quiet_cut(rest) if left else len(rest)
            yield rest[:cut]
            rest = rest[cut:]


def _quiet_cut(text: bytes) -> int:
    """Where to cut: after the last line end between two characters that are no white space."""
    place = text.rfind(b"\n", 1, len(text) - 1)
    while place > 0:
        if not text[place - 1 : place].isspace() and not text[place + 1 : place + 2].isspace():
            return place + 1
        place = text.rfind(b"\n", 1, place)
    # Not inside of a character: bytes 10xxxxxx go on with one.
    place = len(text) - 1
    while place > len(text) - 4 and place > 0 and text[place] & 0xC0 == 0x80:
        place -= 1
    return place or len(text)


def _text(chunk: bytes, path: Path) -> str:
    try:
        return chunk.decode()
    except UnicodeDecodeError as error:
        raise BadInput("is not text in UTF-8", where=str(path), mend=str(error.reason)) from error
