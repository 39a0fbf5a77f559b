"""Tokenizers that a run makes, in the app: the same numbers as the student was trained on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgekd.data.text_views import view_texts
from edgekd.data.tokenizer import encode_texts, save_tokenizer, train_tokenizer, trim_tokenizer
from edgekd.recipe import Text, TextAugmentation
from tests.android.host.preprocessing.cases import Case, prepare, tensor, texts
from tests.android.small_bundle import text_settings, write_bundle
from tests.conftest import ROOT

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LENGTH = 24
NAMES = ("word-piece", "bpe", "word-level", "trimmed", "too few")
ODD_LINES = [
    *("", " ", "[CLS] [PAD] [UNK]x", "zyzzyva qqq", "NAÏVE Café İstanbul", "a" * 101),
    *("東京 中文abc", "👩‍👩‍👧‍👦 ☃", "don't... $5.00 <b>#1</b> a_b", "word " * 500),
]


def _prose() -> list[str]:
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    lines = [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return [" ".join(line.split()) for line in lines if len(line.split()) > 3][:800]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What training may have seen, changed views of it, and what it has not."""
    prose = _prose()
    views = view_texts(prose[:200], TextAugmentation(drop=0.2, swap=0.2), 2, 0)
    return [*prose, *views[1], *ODD_LINES]


@pytest.fixture(scope="module")
def made() -> dict[str, Tokenizer]:
    seen = _prose()[::2]
    spec = Text(vocabulary=1000, length=LENGTH)
    large = train_tokenizer(_prose(), Text(vocabulary=8000, length=LENGTH))
    return {
        "word-piece": train_tokenizer(seen, spec),
        "bpe": train_tokenizer(seen, Text(kind="bpe", vocabulary=1000, lowercase=False)),
        "word-level": train_tokenizer(seen, Text(kind="word-level", vocabulary=1000)),
        "trimmed": trim_tokenizer(large, seen, Text(vocabulary=8000))[0],
        "too few": trim_tokenizer(large, seen, Text(vocabulary=500))[0],
    }


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], made: dict[str, Tokenizer]
) -> dict[str, bytes]:
    """Every tokenizer on every line, in one JVM."""
    folder = tmp_path_factory.mktemp("bundles")
    cases = {}
    for name, tokenizer in made.items():
        save_tokenizer(tokenizer, folder / "tokenizer.json")
        content = (folder / "tokenizer.json").read_bytes()
        settings = text_settings(
            length=LENGTH, tokenizer_sha256=hashlib.sha256(content).hexdigest()
        )
        inputs = [tensor("tokens", [1, LENGTH], dtype="int32")]
        bundle = write_bundle(folder / f"{name}.bundle", inputs=inputs, preprocessing=settings)
        (bundle / "tokenizer.json").write_bytes(content)
        cases[name] = Case("text", bundle, texts(lines))
    return prepare(cases, folder)


@pytest.mark.parametrize("name", NAMES)
def test_the_app_gives_the_numbers_of_training(
    answers: dict[str, bytes], lines: list[str], made: dict[str, Tokenizer], name: str
) -> None:
    found = np.frombuffer(answers[name], "<i4").reshape(-1, LENGTH)

    expected = encode_texts(made[name], lines, LENGTH)

    assert len(found) == len(lines) > 500
    wrong = np.flatnonzero((found != expected).any(axis=1))
    assert not wrong.size, [lines[row][:100] for row in wrong[:5]]
    assert (found != 0).sum() > 10 * len(lines)
