from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgekd.distill.signals import SignalSum
from edgekd.distill.signals.transformers import attention_maps, hidden_states
from edgekd.distill.taps import Tapped
from edgekd.recipe.signals import AttentionMaps, HiddenStates

Floats = npt.NDArray[np.float64]


def maps(seed: int, *shape: int) -> Floats:
    powers = np.exp(np.random.default_rng(seed).normal(0, 2, shape))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def reference_maps(student: Floats, teacher: Floats) -> float:
    """The definition, query by query."""
    if student.shape[1] != teacher.shape[1]:
        student = student.sum(axis=1, keepdims=True) / student.shape[1]
        teacher = teacher.sum(axis=1, keepdims=True) / teacher.shape[1]
    total, queries = 0.0, 0
    for place in np.ndindex(student.shape[:3]):
        queries += 1
        total += sum(
            t * math.log(t / s) for s, t in zip(student[place], teacher[place], strict=True) if t
        )
    return total / queries


@settings(deadline=None)
@given(
    seed=st.integers(0, 10_000),
    heads=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)),
)
def test_attention_maps_against_the_definition(
    seed: int, heads: tuple[int, int], sizes: tuple[int, int, int]
) -> None:
    samples, queries, keys = sizes
    student = maps(seed, samples, heads[0], queries, keys)
    teacher = maps(seed + 1, samples, heads[1], queries, keys)
    loss = attention_maps(torch.from_numpy(student), torch.from_numpy(teacher))
    assert loss.item() == pytest.approx(reference_maps(student, teacher), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_keys_that_nobody_may_see_cost_nothing(dtype: torch.dtype) -> None:
    teacher = torch.tensor([0.25, 0.75, 0.0, 0.0], dtype=dtype).expand(2, 3, 5, 4)
    logits = torch.zeros(2, 3, 5, 4, dtype=dtype, requires_grad=True)
    hidden = torch.tensor([False, False, True, True])
    loss = attention_maps(logits.masked_fill(hidden, -torch.inf).softmax(dim=-1), teacher)
    loss.backward()
    expected = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad[..., :2].abs().min() > 0


def test_a_student_that_does_not_look_at_all_can_learn_to() -> None:
    teacher = torch.tensor([0.5, 0.5]).expand(1, 1, 1, 2)
    logits = torch.tensor([[[[0.0, -80.0]]]], requires_grad=True)
    loss = attention_maps(logits.softmax(dim=-1), teacher)
    loss.backward()
    assert loss.item() == pytest.approx(40 + math.log(0.5), rel=1e-5)
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[[[0.5, -0.5]]]]))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), widths=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_hidden_states_against_the_definition(seed: int, widths: tuple[int, int]) -> None:
    random = np.random.default_rng(seed)
    student, teacher = (random.normal(size=(2, 3, width)) for width in widths)
    weights = random.normal(size=widths)
    loss = hidden_states(
        torch.from_numpy(student),
        torch.from_numpy(teacher),
        lambda values: values @ torch.from_numpy(weights),
    )
    expected = sum(
        ((student[sample, token] @ weights - teacher[sample, token]) ** 2).sum()
        for sample in range(2)
        for token in range(3)
    ) / (6 * widths[1])
    assert loss.item() == pytest.approx(expected, rel=1e-9)


class SelfAttention(nn.Module):
    """Gives what it computes and its maps ``[N, heads, queries, keys]``."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.projections = nn.Linear(width, 3 * width)

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        split = self.projections(tokens).unflatten(-1, (3, self.heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])).softmax(dim=-1)
        return (weights @ value).transpose(1, 2).flatten(2), weights


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.norm(tokens + self.attention(tokens)[0])
        return normed


class Transformer(nn.Module):
    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, width)
        self.layers = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.head = nn.Linear(width, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.layers(self.embedding(tokens)).mean(dim=1))
        return logits


class TextClassifier(nn.Module):
    """Hugging Face's BERT under a linear layer."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        from transformers import BertConfig, BertModel

        super().__init__()
        config = BertConfig(
            vocab_size=20,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=2 * width,
            max_position_embeddings=8,
            attention_probs_dropout_prob=0.0,
            hidden_dropout_prob=0.0,
            attn_implementation="eager",
        )
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(width, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.bert(tokens).last_hidden_state[:, 0])
        return logits


OWN = (
    Transformer,
    {"embedding": "embedding", "layers.0": "layers.1"},
    {"layers.0.attention[1]": "layers.1.attention[1]"},
)
BERT = (
    TextClassifier,
    {
        "bert.embeddings": "bert.embeddings",
        "bert.encoder.layer.0.output": "bert.encoder.layer.1.output",
        "bert[last_hidden_state]": "bert.encoder[last_hidden_state]",
    },
    {"bert.encoder.layer.0.attention.self[1]": "bert.encoder.layer.1.attention.self[1]"},
)


@pytest.mark.parametrize(("build", "states", "attentions"), [OWN, BERT], ids=["own", "bert"])
def test_a_transformer_learns_from_inside_another(
    build: type[nn.Module], states: dict[str, str], attentions: dict[str, str]
) -> None:
    """A narrower, shallower student with fewer heads comes nearer to its teacher's insides."""
    torch.manual_seed(0)
    tokens, labels = torch.randint(20, (6, 8)), torch.full((6,), -1)
    signals = SignalSum(
        [
            HiddenStates(kind="hidden-states", layers=states),
            AttentionMaps(kind="attention-maps", layers=attentions, weight=3.0),
        ],
        temperature=1.0,
    )
    student = Tapped(build(8, heads=2, layers=1), signals.student_taps)
    teacher = Tapped(build(12, heads=3, layers=2), signals.teacher_taps)
    with torch.no_grad():
        told = teacher(tokens)
    signals.adapt(student(tokens), told)
    optimizer = torch.optim.Adam([*student.parameters(), *signals.parameters()], lr=0.01)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = signals(student(tokens), told, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert len(list(signals.parameters())) == len(states)
    assert losses[-1] < 0.5 * losses[0]


def test_a_tap_sees_the_maps_that_bert_reports() -> None:
    network = TextClassifier(8, heads=2, layers=2).eval()
    tokens = torch.randint(20, (3, 8))
    tap = "bert.encoder.layer.1.attention.self[1]"
    seen = Tapped(network, [tap])(tokens).taps[tap]
    reported = network.bert(tokens, output_attentions=True).attentions[1]
    assert seen.shape == (3, 2, 8, 8)
    torch.testing.assert_close(seen, reported)
