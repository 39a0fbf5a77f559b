"""A conversation in text: it goes on, it starts anew when the cache is full, it can be stopped."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edgekd.errors import BadInput
from edgekd.language.decoding.chat import Chat
from edgekd.language.decoding.chat_template import ChatTemplate, Message
from edgekd.language.decoding.contract import Logits
from edgekd.language.decoding.sampling import Sampling, generate, greedy
from edgekd.language.decoding.text import TextCodec
from edgekd.language.decoding.torch_decoder import TorchDecoder
from tests.language.decoding.small_artifacts import (
    CACHE_LENGTH,
    VOCABULARY,
    small_model,
    small_tokenizer,
)

CODEC = TextCodec(small_tokenizer())
TEMPLATE = ChatTemplate(
    "{% for one in messages %}{{ one.role }}: {{ one.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}cat: {% endif %}",
    {"eos_token": "<end>"},
)
ROOM = 120


def chat(most: int = 4, end_tokens: tuple[int, ...] = ()) -> tuple[Chat, TorchDecoder]:
    decoder = TorchDecoder(small_model(), CACHE_LENGTH)
    return Chat(decoder, CODEC, Sampling(), most, end_tokens), decoder


def answer_to(tokens: list[int], most: int, room: int = CACHE_LENGTH) -> list[int]:
    return list(generate(TorchDecoder(small_model(), room), tokens, greedy, most=most))


def test_the_second_prompt_continues_the_conversation() -> None:
    conversation, decoder = chat()
    first = "".join(conversation.answer("the cat"))
    read = CODEC.encode("the cat")
    answer = answer_to(read, 4)
    assert first == CODEC.decode(answer)
    second = "".join(conversation.answer("sat"))
    read += [*answer, *CODEC.encode("\nsat")]
    assert second == CODEC.decode(answer_to(read, 4))
    assert decoder.position == len(read) + 3
    told = conversation.told
    assert told is not None
    assert (told.tokens, told.ended, told.anew) == (4, "length", False)
    assert told.first_token_seconds is not None
    assert told.tokens_per_second is not None


def test_a_prompt_that_no_longer_fits_starts_anew() -> None:
    conversation, decoder = chat(most=CACHE_LENGTH)
    list(conversation.answer("the dog"))
    assert conversation.told is not None
    assert conversation.told.ended == "full"
    assert decoder.position == CACHE_LENGTH
    again = "".join(conversation.answer("the cat"))
    assert conversation.told.anew
    assert again == CODEC.decode(answer_to(CODEC.encode("the cat"), CACHE_LENGTH))


def test_an_answer_that_is_given_up_leaves_a_sound_conversation() -> None:
    conversation, _ = chat(most=8)
    pieces = conversation.answer("the cat")
    for _ in range(2):
        next(pieces)
    pieces.close()
    assert conversation.told is not None
    assert (conversation.told.tokens, conversation.told.ended) == (2, "stopped")
    read = CODEC.encode("the cat")
    read += answer_to(read, 2) + CODEC.encode("\non")
    assert "".join(conversation.answer("on")) == CODEC.decode(answer_to(read, 8))


def test_an_end_token_ends_the_answer_and_is_not_shown() -> None:
    answer = answer_to(CODEC.encode("the cat"), 8)
    end = answer[3]
    conversation, _ = chat(most=8, end_tokens=(end,))
    text = "".join(conversation.answer("the cat"))
    assert text == CODEC.decode(answer[: answer.index(end)])
    assert conversation.told is not None
    assert conversation.told.ended == "end"


@pytest.mark.parametrize(("prompt", "line"), [("", "no token"), ("the dog " * 40, "do not fit")])
def test_a_prompt_without_text_or_longer_than_the_cache_is_one_line(prompt: str, line: str) -> None:
    conversation, decoder = chat()
    with pytest.raises(BadInput, match=line):
        list(conversation.answer(prompt))
    assert conversation.told is None
    list(conversation.answer("the"))
    with pytest.raises(BadInput, match=line):
        list(conversation.answer(prompt))
    assert decoder.position in (0, len(CODEC.encode("the")) + 3)
    assert "".join(conversation.answer("cat"))


class _Noting(TorchDecoder):
    """Notes what it is fed."""

    def __init__(self) -> None:
        super().__init__(small_model(), ROOM)
        self.fed: list[int] = []

    def feed(self, tokens: Sequence[int]) -> Logits:
        logits = super().feed(tokens)
        self.fed += tokens
        return logits


def test_a_template_is_what_the_model_reads() -> None:
    conversation = Chat(_Noting(), CODEC, Sampling(), 3, template=TEMPLATE)
    said: list[Message] = []
    for text in ("the cat", "sat on", "the mat"):
        said.append({"role": "user", "content": text})
        read = CODEC.encode_as_is(TEMPLATE.render(said))
        answer = "".join(conversation.answer(text))
        assert answer == CODEC.decode(answer_to(read, 3, ROOM))
        said.append({"role": "assistant", "content": answer})
        assert conversation.told is not None
        assert not conversation.told.anew


def test_only_what_a_template_adds_is_read_anew() -> None:
    same = ChatTemplate("{% for one in messages %}<pad>{{ one.content }}{% endfor %}<pad>", {})
    decoder = _Noting()
    # Each answer is over before it begins: no token of it may be cut otherwise as text.
    conversation = Chat(decoder, CODEC, Sampling(), 1, range(VOCABULARY), same)
    for text in ("the cat", "sat", "on"):
        assert "".join(conversation.answer(text)) == ""
    whole = "<pad>the cat<pad><pad>sat<pad><pad>on<pad>"
    assert decoder.fed == CODEC.encode_as_is(whole)


def test_a_template_that_no_longer_fits_starts_anew() -> None:
    conversation = Chat(_Noting(), CODEC, Sampling(), 30, template=TEMPLATE)
    for _ in range(4):
        list(conversation.answer("the dog ran"))
        assert conversation.told is not None
        if conversation.told.anew:
            break
    assert conversation.told.anew
    with pytest.raises(BadInput, match="do not fit"):
        list(conversation.answer("the dog " * 90))
    with pytest.raises(BadInput, match="no token"):
        list(conversation.answer(""))
    assert "".join(conversation.answer("cat"))
