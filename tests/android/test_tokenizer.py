"""The app's tokenizer against Hugging Face ``tokenizers``: the same file, the same ids."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.android.host.preprocessing.cases import Case, prepare, tensor, texts
from tests.android.small_bundle import text_settings, write_bundle
from tests.conftest import ROOT

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LENGTH = 24
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# Of another kind in newer versions of Unicode than in the tables of `tokenizers`: one punctuation
# mark is a symbol today, and two letters are marks.
MOVED = {0x166D, 0x1885, 0x1886}
ODD_LINES = [
    "",
    " ",
    "\n\t\r",
    "\x00\x01\x7f\x85\xa0\u200b\u2028\ufeff\ufffd",
    "x\x00y\x07z\x85w",
    "naïve café Ångström İstanbul ΟΔΥΣΣΕΥΣ ẞ straße ﬁne ½",
    "e\u0301\u0327 \u0301 q\u0323\u0307 \u1e9b\u0323",
    "東京は日本の首都です。한국어 안녕 𠀀𪜀 中文abc中",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽 ☎️ 🫠",
    "don't stop-me now... $5.00 <b>#1</b> a_b ~x~ `y` \\z",
    "[CLS] [MASK][MASK] [mask] x[SEP]y [PAD",
    "  [MASK]  between  [MASK]\u3000end",
    "word <name>x</name> Newterm newtermed NEWTERM new term",
    "a" * 99 + " " + "b" * 100 + " " + "c" * 101 + " d",
    "\U0001f600" * 100 + " " + "\U0001f600" * 101,
    "long " * 10_000,
    "y" * 50_000,
]


def _assigned_lines() -> list[str]:
    """Every letter, mark, digit and sign of Unicode 3.2, some of the ideographs and syllables.

    Newer characters are in the phone's tables, and not yet in those of ``tokenizers``.
    """
    numbers = [
        number
        for number in range(0x30000)
        if unicodedata.ucd_3_2_0.category(chr(number)) not in ("Cn", "Cs")
        and number not in MOVED
        and (number % 37 == 0 or not _is_many(number))
    ]
    order = np.random.default_rng(3).permutation(numbers)
    rows = [order[start : start + 6] for start in range(0, len(order), 6)]
    return [" ".join(f"{chr(one)}a{chr(one)}B" for one in row) for row in rows]


def _is_many(number: int) -> bool:
    return 0x3400 <= number < 0xA000 or 0xAC00 <= number < 0xF900 or number >= 0x20000


def _prose() -> list[str]:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line.strip()][:3000]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return [*_prose(), *_assigned_lines(), *ODD_LINES]


def _word_piece(*, lowercase: bool) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def _uncased(lines: list[str]) -> Tokenizer:
    from tokenizers import processors, trainers

    made = _word_piece(lowercase=True)
    made.train_from_iterator(
        lines,
        trainers.WordPieceTrainer(vocab_size=60_000, special_tokens=SPECIAL, show_progress=False),
    )
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def _cased(lines: list[str]) -> Tokenizer:
    from tokenizers import AddedToken, processors, trainers

    made = _word_piece(lowercase=False)
    made.train_from_iterator(
        lines[::2],
        trainers.WordPieceTrainer(vocab_size=20_000, special_tokens=SPECIAL, show_progress=False),
    )
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.add_special_tokens([AddedToken("<name>", lstrip=True, rstrip=True)])
    made.add_tokens([AddedToken("Newterm", single_word=True), AddedToken("new term")])
    made.enable_truncation(LENGTH, direction="left")
    made.enable_padding(direction="left", length=LENGTH)
    return made


def _words(lines: list[str]) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    steps = [normalizers.NFKD(), normalizers.Lowercase(), normalizers.StripAccents()]
    made.normalizer = normalizers.Sequence(steps)
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(
        lines,
        trainers.WordLevelTrainer(vocab_size=60_000, special_tokens=SPECIAL, show_progress=False),
    )
    return made


def _byte_pairs(lines: list[str], **options: Any) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.BPE(unk_token="[UNK]", **options))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=20_000, special_tokens=SPECIAL, show_progress=False)
    )
    return made


def _fused(lines: list[str]) -> Tokenizer:
    return _byte_pairs(lines, fuse_unk=True)


def _byte_level(lines: list[str]) -> Tokenizer:
    from tokenizers import pre_tokenizers

    made = _byte_pairs(lines[:50])
    made.pre_tokenizer = pre_tokenizers.ByteLevel()
    return made


def _replacing(lines: list[str]) -> Tokenizer:
    from tokenizers import normalizers

    made = _byte_pairs(lines[:50])
    made.normalizer = normalizers.Sequence([normalizers.Replace("a", "b")])
    return made


def _unigram(_: list[str]) -> Tokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.Unigram([("a", 0.0)], unk_id=0))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def _roberta(lines: list[str]) -> Tokenizer:
    from tokenizers import processors

    made = _byte_pairs(lines[:50])
    made.post_processor = processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


MADE: dict[str, Callable[[list[str]], Tokenizer]] = {
    "uncased": _uncased,
    "cased": _cased,
    "words": _words,
    "byte pairs": _byte_pairs,
    "fused": _fused,
}
UNSUPPORTED: dict[str, tuple[Callable[[list[str]], Tokenizer], str]] = {
    "byte level": (_byte_level, "pre_tokenizer: ByteLevel is not supported"),
    "replacing": (_replacing, "normalizer: normalizers[0]: Replace is not supported"),
    "unigram": (_unigram, "model: vocab: is no JSON object"),
    "roberta": (_roberta, "post_processor: RobertaProcessing is not supported"),
}


@pytest.fixture(scope="module")
def made(lines: list[str]) -> dict[str, Tokenizer]:
    unsupported = {name: make for name, (make, _) in UNSUPPORTED.items()}
    return {name: make(lines) for name, make in {**MADE, **unsupported}.items()}


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], made: dict[str, Tokenizer]
) -> dict[str, bytes]:
    """Every tokenizer on every line, in one JVM."""
    folder = tmp_path_factory.mktemp("tokenizers")
    samples = texts(lines)
    cases = {}
    for name, tokenizer in made.items():
        content = tokenizer.to_str().encode()
        settings = text_settings(
            length=LENGTH, tokenizer_sha256=hashlib.sha256(content).hexdigest()
        )
        bundle = write_bundle(folder / f"{name}.bundle", inputs=_inputs(), preprocessing=settings)
        (bundle / "tokenizer.json").write_bytes(content)
        cases[name] = Case("text", bundle, samples)
    cases["long"] = Case("text", cases["uncased"].bundle, texts(["y" * 100_001]))
    return prepare(cases, folder)


@pytest.mark.parametrize("name", MADE)
def test_ids_and_masks(
    answers: dict[str, bytes], lines: list[str], made: dict[str, Tokenizer], name: str
) -> None:
    tokenizer = made[name]
    if tokenizer.padding is None:
        tokenizer.enable_truncation(LENGTH)
        tokenizer.enable_padding(length=LENGTH)
    fields = [("ids", "<i8", LENGTH), ("mask", "<i4", LENGTH), ("types", "<i8", LENGTH)]
    found = np.frombuffer(answers[name], fields)

    expected = tokenizer.encode_batch(lines)

    assert len(lines) > 3000
    assert len(found) == len(lines)
    wrong = [
        (line[:100], row["ids"].tolist(), one.ids)
        for line, row, one in zip(lines, found, expected, strict=True)
        if row["ids"].tolist() != one.ids or row["mask"].tolist() != one.attention_mask
    ]
    assert not wrong, wrong[:5]
    assert not found["types"].any()
    # Were nearly all tokens unknown, the comparison would say little.
    unknown = found["ids"] == tokenizer.token_to_id("[UNK]")
    assert unknown.mean() < 0.3


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_supported_is_named(answers: dict[str, bytes], name: str) -> None:
    told = answers[name].decode()

    assert told.startswith(f"model: tokenizer.json: {UNSUPPORTED[name][1]}")


def test_a_text_that_is_too_long(answers: dict[str, bytes]) -> None:
    assert answers["long"] == b"inputs: the text is longer than 100000 characters"


def _inputs() -> list[dict[str, Any]]:
    names = {"input_ids": "int64", "attention_mask": "int32", "token_type_ids": "int64"}
    return [tensor(name, [1, LENGTH], dtype=dtype) for name, dtype in names.items()]
