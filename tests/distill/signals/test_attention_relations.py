from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekd.distill.signals import SignalSum
from edgekd.distill.signals.transformers import attention_relations, smaller_relations
from edgekd.distill.taps import Seen
from edgekd.errors import BadInput
from edgekd.recipe.signals import AttentionRelations, HiddenStates

Floats = npt.NDArray[np.float64]


def relation(features: Floats, heads: int, head: int) -> Floats:
    """softmax(X X^T / sqrt(d)) of one sample's ``[tokens, width]`` and one head."""
    width = features.shape[1] // heads
    part = features[:, head * width : (head + 1) * width]
    powers = np.exp(part @ part.T / np.sqrt(width))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def reference(student: Floats, teacher: Floats, heads: int, lengths: list[int]) -> float:
    """The definition on texts without their padding, sample by sample, head by head."""
    total, queries = 0.0, 0
    for ours, theirs, length in zip(student, teacher, lengths, strict=True):
        for head in range(heads):
            r_s = relation(ours[:length], heads, head)
            r_t = relation(theirs[:length], heads, head)
            total += float((r_t * np.log(r_t / r_s)).sum())
            queries += length
    return total / queries


def padding_of(lengths: list[int], tokens: int) -> torch.Tensor:
    return torch.arange(tokens) >= torch.tensor(lengths)[:, None]


LENGTHS = st.lists(st.integers(1, 5), min_size=1, max_size=3)


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000),
    lengths=LENGTHS,
    heads=st.integers(1, 4),
    head_widths=st.tuples(st.integers(1, 4), st.integers(1, 9)),
)
def test_relations_against_the_definition(
    seed: int, lengths: list[int], heads: int, head_widths: tuple[int, int]
) -> None:
    draw, tokens = np.random.default_rng(seed), 5
    student, teacher = (
        draw.normal(size=(len(lengths), tokens, heads * width)) for width in head_widths
    )
    expected = reference(student, teacher, heads, lengths)
    ours, theirs = torch.from_numpy(student), torch.from_numpy(teacher)
    padding = padding_of(lengths, tokens)
    loss = attention_relations(ours, theirs, heads, padding)
    assert loss.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)
    kept = smaller_relations(theirs, heads)
    assert (kept.dim() == 4) == (tokens < head_widths[1])
    assert attention_relations(ours, kept, heads, padding).item() == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )
    half = kept.half()
    assert half.isfinite().all()
    assert attention_relations(ours, half, heads, padding).item() == pytest.approx(
        expected, rel=0.01, abs=1e-3
    )


def test_without_padding_every_token_counts() -> None:
    student, teacher = np.random.default_rng(0).normal(size=(2, 3, 4, 6))
    loss = attention_relations(torch.from_numpy(student), torch.from_numpy(teacher), 2)
    assert loss.item() == pytest.approx(reference(student, teacher, 2, [4, 4, 4]), rel=1e-9)


def test_relations_that_are_certain_stay_finite() -> None:
    """Tokens so far apart that each sees itself alone, kept in float16 with all that is left."""
    teacher = torch.eye(3).repeat(2, 1, 8)[..., :20] * 2000
    kept = smaller_relations(teacher, 1).half()
    assert kept.shape == (2, 1, 3, 3)
    assert kept.isfinite().all()
    student = torch.randn(2, 3, 4, requires_grad=True)
    loss = attention_relations(student, kept, 1)
    loss.backward()
    scores = student.detach() @ student.detach().transpose(1, 2) / 2
    expected = -scores.log_softmax(-1).diagonal(dim1=1, dim2=2).mean()
    torch.testing.assert_close(loss.detach(), expected)
    assert student.grad is not None
    assert student.grad.isfinite().all()


SPEC = AttentionRelations(kind="attention-relations", heads=4, layers={"a": "b"})


def test_the_fewest_bytes_of_the_teacher_are_kept() -> None:
    alone = SignalSum([SPEC], temperature=1.0)
    short, long = torch.randn(2, 5, 24), torch.randn(2, 6, 24)
    assert alone.condense("b", short).shape == (2, 4, 5, 5)
    assert alone.condense("b", long) is long
    states = HiddenStates(kind="hidden-states", layers={"a": "b"})
    assert SignalSum([SPEC, states], temperature=1.0).condense("b", short) is short


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        ((2, 5, 8), (2, 5, 30)),
        ((2, 5, 6), (2, 5, 32)),
        ((2, 5, 6), (2, 5, 8)),
        ((2, 5, 8), (2, 6, 8)),
        ((2, 5, 8), (2, 6, 32)),
        ((2, 5), (2, 5, 8)),
    ],
)
def test_features_that_cannot_be_related_are_refused(
    student: tuple[int, ...], teacher: tuple[int, ...]
) -> None:
    signals = SignalSum([SPEC], temperature=1.0)
    told = signals.condense("b", torch.zeros(teacher))
    with pytest.raises(BadInput, match=r"signals\[0\] \(attention-relations\).*4 heads must div"):
        signals.adapt(
            Seen(torch.zeros(2, 3), {"a": torch.zeros(student)}),
            Seen(torch.zeros(2, 3), {"b": told}),
        )
