from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.errors import BadInput
from edgekd.language.corpus import Excerpt, split_by_position, tokenize
from edgekd.language.tokens import Tokens, Windows, rows_of_step
from tests.language.texts import byte_level_tokenizer, make_tokens, sample_text

TEXT = sample_text(0, 3000)
TOKENIZER = byte_level_tokenizer(TEXT)


def whole_ids(text: str) -> list[int]:
    return TOKENIZER.encode(text, add_special_tokens=False).ids


def test_a_stream_of_small_chunks_and_shards_gives_the_tokens_of_the_whole(tmp_path: Path) -> None:
    tokens = make_tokens(TEXT, TOKENIZER, tmp_path, chunk_bytes=200, shard_tokens=300)
    expected = whole_ids(TEXT)
    assert len(tokens.manifest.shards) == -(-len(expected) // 300) > 5
    assert tokens.read(0, len(tokens)).tolist() == expected
    assert tokens.read(290, 911).tolist() == expected[290:911]
    assert tokens.read(600, 600).tolist() == []
    assert tokens.manifest.dtype == "uint16"
    assert np.array_equal(
        tokens.counts(), np.bincount(expected, minlength=TOKENIZER.get_vocab_size())
    )


@pytest.mark.parametrize("text", ["a" * 5000, "é" * 3000, "\n" * 3000, "\n\n x" * 999])
def test_text_without_a_quiet_place_loses_nothing(tmp_path: Path, text: str) -> None:
    tokens = make_tokens(text, TOKENIZER, tmp_path, chunk_bytes=101)
    assert TOKENIZER.decode(tokens.read(0, len(tokens)).tolist()) == text


def test_memory_is_bounded_by_chunk_and_shard(tmp_path: Path) -> None:
    """The longest text that the tokenizer ever sees is two chunks."""
    seen = []

    class Watched:
        def __getattr__(self, name: str) -> object:
            return getattr(TOKENIZER, name)

        def encode(self, text: str, **options: bool) -> object:
            seen.append(len(text.encode()))
            return TOKENIZER.encode(text, **options)

    path = tmp_path / "text.txt"
    path.write_text(TEXT * 3)
    size = path.stat().st_size
    tokenize(
        [Excerpt(path, 0, size)],
        Watched(),  # type: ignore[arg-type]
        tmp_path / "tokens",
        lambda *_: None,
        chunk_bytes=1000,
        shard_tokens=1000,
    )
    assert sum(seen) == size
    assert max(seen) <= 2000


def test_equal_text_has_an_equal_identity_and_other_text_another(tmp_path: Path) -> None:
    first = make_tokens(TEXT, TOKENIZER, tmp_path / "a")
    second = make_tokens(TEXT, TOKENIZER, tmp_path / "b", chunk_bytes=500)
    other = make_tokens(TEXT + ".", TOKENIZER, tmp_path / "c")
    assert first.identity == second.identity != other.identity


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=4),
    validation=st.floats(0.1, 0.3),
    test=st.floats(0.1, 0.3),
)
def test_the_parts_of_a_split_are_the_whole_text_cut_at_line_ends(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], validation: float, test: float
) -> None:
    folder = tmp_path_factory.mktemp("split")
    files = []
    for place, words in enumerate(sizes):
        path = folder / f"{place}.txt"
        path.write_text(sample_text(place, words))
        files.append(path)
    whole = b"".join(path.read_bytes() for path in files)
    try:
        split = split_by_position(files, validation, test)
    except BadInput:
        assert len(whole) < 1000
        return
    parts = [
        b"".join(excerpt.path.read_bytes()[excerpt.start : excerpt.stop] for excerpt in part)
        for part in split
    ]
    assert b"".join(parts) == whole
    assert all(parts)
    ends = np.cumsum([len(path.read_bytes()) for path in files])
    for border in (len(parts[0]), len(parts[0]) + len(parts[1])):
        assert whole[border - 1 : border] == b"\n" or border in ends


def test_an_end_token_follows_each_file(tmp_path: Path) -> None:
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_text("the fox\n")
    excerpts = [Excerpt(path, 0, 8) for path in paths]
    tokenize(excerpts, TOKENIZER, tmp_path / "tokens", lambda *_: None, end_token=0)
    tokens = Tokens(tmp_path / "tokens")
    assert tokens.read(0, len(tokens)).tolist() == [*whole_ids("the fox\n"), 0] * 2


def test_damage_is_noticed(tmp_path: Path) -> None:
    make_tokens(TEXT, TOKENIZER, tmp_path)
    shard = tmp_path / "tokens" / "tokens-00000.npy"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(BadInput, match="changed or damaged"):
        Tokens(tmp_path / "tokens")
    shard.write_bytes(content[:50])
    with pytest.raises(BadInput, match=r"not a whole \.npy"):
        Tokens(tmp_path / "tokens")
    shard.unlink()
    with pytest.raises(BadInput, match=r"not a whole \.npy"):
        Tokens(tmp_path / "tokens")


def test_text_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"caf\xe9 noir")
    with pytest.raises(BadInput, match=r"x\.txt: is not text in UTF-8"):
        tokenize([Excerpt(path, 0, 9)], TOKENIZER, tmp_path / "t", lambda *_: None)


def test_windows_predict_each_token_once(tmp_path: Path) -> None:
    tokens = make_tokens(TEXT, TOKENIZER, tmp_path)
    windows = Windows(tokens, 32)
    rows = windows.read(np.arange(windows.count))
    targets = rows[:, 1:].flatten()
    assert np.array_equal(targets, tokens.read(1, 1 + len(targets)))
    assert len(tokens) - 1 - len(targets) < 32
    with pytest.raises(BadInput, match="too few"):
        Windows(tokens, len(tokens))


@settings(deadline=None, max_examples=50)
@given(count=st.integers(1, 40), batch=st.integers(1, 50), seed=st.integers(0, 5))
def test_each_pass_takes_every_row_once(count: int, batch: int, seed: int) -> None:
    rows = np.concatenate([rows_of_step(count, batch, step, seed) for step in range(12)])
    for start in range(0, len(rows) - count + 1, count):
        assert sorted(rows[start : start + count]) == list(range(count))
