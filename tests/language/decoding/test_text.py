"""Text as it comes: whole characters, and all of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgekd.language.decoding.text import TextCodec, TextStream
from tests.language.decoding.small_artifacts import VOCABULARY, small_tokenizer

CODEC = TextCodec(small_tokenizer())


def streamed(tokens: list[int]) -> tuple[list[str], str]:
    stream = TextStream(CODEC)
    return [stream.add(token) for token in tokens], stream.finish()


@given(text=st.text(max_size=40))
def test_a_text_comes_in_whole_characters(text: str) -> None:
    pieces, rest = streamed(CODEC.encode(text))
    assert "".join(pieces) + rest == text
    if "\N{REPLACEMENT CHARACTER}" not in text:
        assert rest == ""


def test_a_character_of_several_tokens_waits_for_its_last() -> None:
    tokens = CODEC.encode("a😀b")
    assert len(tokens) == 6
    assert streamed(tokens) == (["a", "", "", "", "😀", "b"], "")


@given(tokens=st.lists(st.integers(0, VOCABULARY - 1), max_size=40))
def test_any_tokens_give_the_text_of_the_tokenizer(tokens: list[int]) -> None:
    pieces, rest = streamed(tokens)
    assert "".join(pieces) + rest == CODEC.decode(tokens)


def test_what_never_became_whole_is_shown_at_the_end() -> None:
    half = CODEC.encode("é")[:1]
    assert streamed(half) == ([""], "\N{REPLACEMENT CHARACTER}")


def test_special_tokens_are_not_shown_and_a_text_cannot_be_cut() -> None:
    assert CODEC.decode([1, *CODEC.encode("cat"), 0]) == "cat"
    assert len(CODEC.encode("the cat " * 500)) > 900
