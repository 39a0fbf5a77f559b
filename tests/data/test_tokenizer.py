from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, processors

from edgekd.data.tokenizer import (
    encode_texts,
    load_tokenizer,
    save_tokenizer,
    teacher_tokenizer,
    train_tokenizer,
    trim_tokenizer,
)
from edgekd.errors import BadInput
from edgekd.recipe import Text
from tests.conftest import ROOT

KINDS = ("word-piece", "bpe", "word-level")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def _prose() -> list[str]:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return [" ".join(line.split()) for line in lines if len(line.split()) > 3][:600]


PROSE = _prose()
LINES = st.lists(st.sampled_from([word for line in PROSE[:40] for word in line.split()]))


def spec(**changes: Any) -> Text:
    return Text(**{"vocabulary": 600, "length": 24, **changes})


@pytest.fixture(scope="module")
def teacher() -> Tokenizer:
    """Its special tokens, but for the padding, are not the first ones, as with BERT."""
    document = json.loads(train_tokenizer(PROSE, spec(vocabulary=3000)).to_str())
    vocabulary = document["model"]["vocab"]
    order = [0, *range(4, len(vocabulary)), 2, 1, 3]
    moved = {number: place for place, number in enumerate(order)}
    document["model"]["vocab"] = {token: moved[number] for token, number in vocabulary.items()}
    for added in document["added_tokens"]:
        added["id"] = moved[added["id"]]
    for one in document["post_processor"]["special_tokens"].values():
        one["ids"] = [moved[number] for number in one["ids"]]
    made = Tokenizer.from_str(json.dumps(document))
    made.enable_truncation(16)
    made.enable_padding(length=16)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_training(kind: str) -> None:
    made = train_tokenizer(PROSE, spec(kind=kind))
    assert 200 < made.get_vocab_size() <= 600
    assert [made.id_to_token(number) for number in range(4)] == SPECIAL
    assert sorted(made.get_vocab().values()) == list(range(made.get_vocab_size()))
    # Pieces that were numbered beforehand are not looked for in texts.
    added = json.loads(made.to_str())["added_tokens"]
    assert [one["content"] for one in added] == SPECIAL
    tokens = encode_texts(made, PROSE, 64)
    assert tokens.dtype == np.int32
    assert (tokens[:, 0] == 2).all()
    assert ((tokens == 3).sum(axis=1) == 1).all()
    share = (tokens == 1).sum() / (tokens > 0).sum()
    assert share < 0.3 if kind == "word-level" else share == 0


def test_case_and_accents() -> None:
    lower = train_tokenizer(PROSE, spec())
    cased = train_tokenizer(PROSE, spec(lowercase=False))
    texts = ["The Modél", "the model"]
    same = [np.array_equal(*encode_texts(made, texts, 24)) for made in (lower, cased)]
    assert same == [True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_training_gives_the_same_tokenizer_each_time(kind: str) -> None:
    # Each hash map of the trainer has an order of its own, and ties are broken by it where nothing
    # is done against that.
    made = [train_tokenizer(PROSE[:60], spec(kind=kind)).to_str() for _ in range(8)]
    assert len(set(made)) == 1


def test_more_characters_than_tokens() -> None:
    texts = [chr(0x400 + number) * 2 for number in range(300)] * 2
    with pytest.raises(
        BadInput, match=r"data\.text\.vocabulary: 100 tokens are too few .*need 604"
    ):
        train_tokenizer(texts, spec(vocabulary=100, lowercase=False))


def slowly(tokenizer: Tokenizer, text: str, length: int, padding: int) -> list[int]:
    """Cut by the library, framed by hand."""
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_padding()
    copy.no_truncation()
    start, end = copy.token_to_id("[CLS]"), copy.token_to_id("[SEP]")
    inner = copy.encode(text, add_special_tokens=False).ids[: length - 2]
    row = [start, *inner, end]
    return row + [padding] * (length - len(row))


@given(LINES.map(" ".join), st.integers(3, 40), st.integers(0, 9))
def test_encoding(teacher: Tokenizer, text: str, length: int, padding: int) -> None:
    found = encode_texts(teacher, [text, "a", text], length, padding)
    assert found.shape == (3, length)
    assert found[2].tolist() == slowly(teacher, text, length, padding)
    assert teacher.truncation is not None
    assert teacher.padding is not None


def test_no_room_for_a_text(teacher: Tokenizer) -> None:
    with pytest.raises(BadInput, match=r"data\.text\.length: 2 tokens leave no room beside 2"):
        encode_texts(teacher, ["a"], 2)
    assert encode_texts(teacher, [], 3).shape == (0, 3)


@given(st.lists(LINES.map(" ".join), min_size=1, max_size=8))
def test_trimmed_tokenizers_cut_training_texts_alike(teacher: Tokenizer, texts: list[str]) -> None:
    trimmed, old = trim_tokenizer(teacher, texts, spec(vocabulary=3000))
    tokens = encode_texts(trimmed, texts, 200)
    # Padding is 0 for both.
    assert old.dtype == np.int64
    assert np.array_equal(old[tokens], encode_texts(teacher, texts, 200))
    assert len(old) == trimmed.get_vocab_size() == len(set(old.tolist()))
    names = [trimmed.id_to_token(number) for number in range(len(old))]
    assert names == [teacher.id_to_token(int(number)) for number in old]
    assert names[:4] == SPECIAL


def test_the_most_frequent_tokens_stay(teacher: Tokenizer) -> None:
    trimmed, _ = trim_tokenizer(teacher, PROSE, spec(vocabulary=400))
    whole, _ = trim_tokenizer(teacher, PROSE, spec(vocabulary=100_000))
    assert trimmed.get_vocab_size() == 400 < whole.get_vocab_size()
    whole_tokens = encode_texts(whole, PROSE, 200)
    uses = np.bincount(whole_tokens[whole_tokens > 0], minlength=whole.get_vocab_size())
    longer = [t for t in whole.get_vocab() if len(t.removeprefix("##")) > 1 and t not in SPECIAL]
    kept = {token for token in longer if token in trimmed.get_vocab()}
    least = min(uses[whole.token_to_id(token)] for token in kept)
    assert least >= max(uses[whole.token_to_id(token)] for token in longer if token not in kept)
    # Words whose tokens are gone are spelled.
    tokens = encode_texts(trimmed, PROSE, 200)
    assert not (tokens == 1).any()
    assert (tokens > 0).sum() > (whole_tokens > 0).sum()
    unseen = encode_texts(trimmed, ["zyzzyva"], 24)[0]
    assert [trimmed.id_to_token(int(number)) for number in unseen[1:8]] == [
        *("z", "##y", "##z", "##z", "##y", "##v", "##a"),
    ]


def test_trimming_of_other_frames(teacher: Tokenizer) -> None:
    document = json.loads(teacher.to_str())
    bare = Tokenizer.from_str(json.dumps({**document, "post_processor": None}))
    trimmed, old = trim_tokenizer(bare, ["a model"], spec())
    whole = encode_texts(bare, ["a model"], 9)
    assert np.array_equal(old[encode_texts(trimmed, ["a model"], 9)], whole)
    assert whole[0, 0] == bare.token_to_id("a")
    ends = [(token, teacher.token_to_id(token)) for token in ("[SEP]", "[CLS]")]
    bare.post_processor = processors.BertProcessing(*ends)
    bare.add_special_tokens([AddedToken("[HERE]")])
    texts = ["a [HERE] model"]
    trimmed, old = trim_tokenizer(bare, texts, spec())
    assert np.array_equal(old[encode_texts(trimmed, texts, 9)], encode_texts(bare, texts, 9))
    bare.post_processor = processors.RobertaProcessing(*ends)
    with pytest.raises(BadInput, match="RobertaProcessing is not supported"):
        trim_tokenizer(bare, texts, spec())


def test_what_cannot_be_trimmed(teacher: Tokenizer) -> None:
    pairs = train_tokenizer(PROSE[:50], spec(kind="bpe"))
    with pytest.raises(BadInput, match=r"data\.text\.of: is a BPE tokenizer, and only WordPiece"):
        trim_tokenizer(pairs, PROSE, spec())
    many = [f"{chr(0x400 + number)}x" for number in range(120)]
    large = train_tokenizer(many * 2, spec(lowercase=False))
    with pytest.raises(BadInput, match=r"100 tokens are too few .*need \d{3}\b"):
        trim_tokenizer(large, many + PROSE, spec(vocabulary=100))


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded(tmp_path: Path, kind: str) -> None:
    made = train_tokenizer(PROSE, spec(kind=kind))
    save_tokenizer(made, tmp_path / "tokenizer.json")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert loaded.to_str() == made.to_str()
    save_tokenizer(loaded, tmp_path / "again.json")
    again, first = (tmp_path / name for name in ("again.json", "tokenizer.json"))
    assert again.read_bytes() == first.read_bytes()


def small() -> dict[str, Any]:
    model = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##"}
    return {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            **model,
            "max_input_chars_per_word": 100,
            "vocab": {"[PAD]": 0, "[UNK]": 1, "a": 2},
        },
    }


def _within(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for part in path[:-1]:
            document = document[part]
        document[path[-1]] = value

    return change


def _frame(names: list[str], numbers: list[int]) -> dict[str, Any]:
    special = {"[X]": {"id": "[X]", "ids": numbers, "tokens": names}} if names else {}
    single = [
        {"SpecialToken": {"id": "[X]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ]
    return {
        **{"type": "TemplateProcessing", "single": single, "pair": single},
        "special_tokens": special,
    }


HOSTILE: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "version": (_within("version", value="2.0"), "is no tokenizer of version 1.0"),
    "no model": (_within("model", value=[]), "is no tokenizer of version 1.0"),
    "other model": (_within("model", "type", value="Neural"), "the model 'Neural' is not known"),
    "chance": (_within("model", "dropout", value=0.1), "drops merges by chance"),
    "words": (_within("model", "max_input_chars_per_word", value=10**9), "words of more than 1000"),
    "no vocabulary": (_within("model", "vocab", value=7), "holds no vocabulary"),
    "number": (_within("model", "vocab", "a", value=2**32 - 1), "4294967295 is no number of a"),
    "negative": (_within("model", "vocab", "a", value=-1), "-1 is no number of a token"),
    "truth": (_within("model", "vocab", "a", value=True), "True is no number of a token"),
    "gap": (_within("model", "vocab", "a", value=3), "the numbers of its tokens have gaps"),
    "added": (_within("added_tokens", value=[{"id": 10**8}]), "100000000 is no number of a token"),
    "added text": (_within("added_tokens", value=["x"]), "None is no number of a token"),
    "unknown": (_within("model", "unk_token", value="[X]"), "does not work .*Missing"),
    "part": (_within("normalizer", value={"type": "Shell"}), "does not work"),
    "frame": (_within("post_processor", value=_frame([], [])), "does not work"),
    "outside": (_within("post_processor", value=_frame(["[X]"], [7])), "puts what is no token"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_file_is_checked(tmp_path: Path, name: str) -> None:
    change, what = HOSTILE[name]
    document = small()
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(document))
    load_tokenizer(path)
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match=what) as failed:
        load_tokenizer(path)
    assert str(failed.value).startswith(str(path))
    assert "\n" not in str(failed.value)


def test_what_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    for content in ("{", "[" * 100_000, "[]", '"text"'):
        path.write_text(content)
        with pytest.raises(BadInput):
            load_tokenizer(path)
    with pytest.raises(BadInput, match="cannot be read"):
        load_tokenizer(tmp_path / "none.json")


def test_an_enormous_padding_costs_nothing(tmp_path: Path) -> None:
    document = small()
    document["padding"] = {
        **{"strategy": {"Fixed": 2**40}, "direction": "Right", "pad_to_multiple_of": None},
        **{"pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
    }
    document["truncation"] = {
        **{"max_length": 1, "strategy": "LongestFirst", "stride": 5, "direction": "Left"},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    loaded, padding = teacher_tokenizer(tmp_path)
    assert padding == 0
    assert encode_texts(loaded, ["a a"], 4).tolist() == [[2, 2, 0, 0]]


@pytest.mark.parametrize(
    ("settings", "tokens", "expected"),
    [
        (None, ["[PAD]"], 0),
        (None, ["[UNK]", "<pad>"], 1),
        ({"pad_token": "filler"}, ["[PAD]", "[UNK]", "filler"], 2),
        ({"pad_token": {"content": "filler"}}, ["[UNK]", "filler"], 1),
        ({"pad_token": "elsewhere"}, ["[UNK]", "[PAD]"], 1),
        ([], ["[UNK]", "[PAD]"], 1),
        (None, ["[UNK]"], None),
    ],
)
def test_a_teachers_padding(
    tmp_path: Path, settings: object, tokens: list[str], expected: int | None
) -> None:
    document = small()
    names = dict.fromkeys([*tokens, "a", "[UNK]"])
    document["model"]["vocab"] = {name: number for number, name in enumerate(names)}
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    if settings is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    if expected is None:
        with pytest.raises(BadInput, match="no token is for padding"):
            teacher_tokenizer(tmp_path)
    else:
        assert teacher_tokenizer(tmp_path)[1] == expected


def test_a_folder_without_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no tokenizer\.json .*fast tokenizer"):
        teacher_tokenizer(tmp_path)
