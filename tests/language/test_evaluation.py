from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from edgekd.errors import BadInput
from edgekd.language.evaluation import (
    Scored,
    gap_closed,
    mean_nll,
    score_windows,
    summarize,
)
from edgekd.language.tokens import Tokens, Windows
from tests.language.models import tiny_model
from tests.language.texts import byte_level_tokenizer, make_tokens, sample_text

TEXT = sample_text(0, 40)
TOKENIZER = byte_level_tokenizer(sample_text(0, 150), 300)
VOCABULARY = TOKENIZER.get_vocab_size()
MODEL = tiny_model(vocabulary=VOCABULARY)
OTHER = tiny_model(1, vocabulary=VOCABULARY)


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return make_tokens(TEXT, TOKENIZER, tmp_path)


@pytest.mark.parametrize(("context", "stride"), [(16, 16), (16, 5), (16, 1), (4000, 3)])
def test_each_token_is_scored_once_by_the_definition(
    tokens: Tokens, context: int, stride: int
) -> None:
    scored = score_windows(
        MODEL, tokens, lambda *_: None, context=context, stride=stride, teacher=OTHER
    )
    whole = tokens.read(0, len(tokens))
    nll = correct = agreed = 0.0
    end = 0
    while end < len(whole) - 1:
        first = end == 0
        last = min(end + (context if first else stride), len(whole) - 1)
        start = max(last - context, 0)
        for place in range(end + 1, last + 1):
            past = torch.from_numpy(whole[start:place])[None]
            logits, others = MODEL(past)[0, -1], OTHER(past)[0, -1]
            nll -= float(logits.log_softmax(-1)[whole[place]])
            correct += float(logits.argmax() == whole[place])
            agreed += float(logits.argmax() == others.argmax())
        end = last
    score = summarize(scored, tokens.manifest.text_bytes)
    assert score.tokens == len(whole) - 1
    assert score.nll == pytest.approx(nll / (len(whole) - 1), rel=1e-4)
    assert score.perplexity == pytest.approx(math.exp(score.nll))
    assert score.nll_per_byte == pytest.approx(nll / len(TEXT.encode()), rel=1e-4)
    assert score.accuracy == pytest.approx(correct / (len(whole) - 1))
    assert score.agreement == pytest.approx(agreed / (len(whole) - 1))
    assert score.nll_ci95[0] <= score.nll <= score.nll_ci95[1]


def test_side_by_side_windows_are_scored_as_in_training(tokens: Tokens) -> None:
    windows = Windows(tokens, 16)
    scored = score_windows(
        MODEL, tokens, lambda *_: None, context=16, stride=16, max_windows=windows.count
    )
    assert summarize(scored, None).nll == pytest.approx(mean_nll(MODEL, windows, 10**6), rel=1e-5)
    assert summarize(scored, None).agreement is None
    assert summarize(scored, None).nll_per_byte is None


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    draw, covered = np.random.default_rng(0), 0
    for trial in range(100):
        counts = np.full(40, 10.0)
        scored = Scored(counts, draw.gamma(4, 5, 40), counts, None)
        low, high = summarize(scored, None, seed=trial).nll_ci95
        covered += low <= 2.0 <= high
    assert 85 <= covered <= 100


def test_a_student_half_way_closes_half_of_the_gap() -> None:
    counts = np.array([10.0, 20.0, 30.0])
    control, teacher = counts * 4.0, counts * np.array([2.0, 3.0, 3.5])
    scored = [Scored(counts, nll, counts, None) for nll in (control, teacher)]
    middle = Scored(counts, (control + teacher) / 2, counts, None)
    closed = gap_closed(scored[0], middle, scored[1])
    assert closed.share == pytest.approx(0.5)
    assert closed.ci95 == pytest.approx((0.5, 0.5))
    assert gap_closed(scored[0], scored[0], scored[1]).share == 0
    with pytest.raises(BadInput, match="no better than the control"):
        gap_closed(scored[1], middle, scored[0])
    shorter = Scored(counts[:2], control[:2], counts[:2], None)
    with pytest.raises(BadInput, match="other windows"):
        gap_closed(shorter, middle, scored[1])


def test_a_wrong_stride_is_told(tokens: Tokens) -> None:
    for stride in (0, 17):
        with pytest.raises(BadInput, match="stride"):
            score_windows(MODEL, tokens, lambda *_: None, context=16, stride=stride)
