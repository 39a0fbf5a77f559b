"""Texts of different lengths: what is no token must neither cost nor teach."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgekd.distill.signals import SignalSum
from edgekd.distill.signals.transformers import (
    attention_maps,
    attention_relations,
    hidden_states,
)
from edgekd.distill.taps import Seen, Tapped
from edgekd.errors import BadInput
from edgekd.recipe.signals import AttentionMaps, AttentionRelations, HiddenStates, Signal
from models.zoo.text import transformer

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
Features = Callable[[torch.Tensor, int], torch.Tensor]
HEADS = 2


def states(raw: torch.Tensor, tokens: int) -> torch.Tensor:
    """Features ``[N, tokens, width]`` of the first tokens."""
    return raw[:, :tokens]


def maps(raw: torch.Tensor, tokens: int) -> torch.Tensor:
    """Attention of the first tokens among themselves, as if there were no more."""
    return (raw @ raw.transpose(1, 2))[:, None, :tokens, :tokens].softmax(-1).repeat(1, 2, 1, 1)


CASES: dict[str, tuple[Features, Loss]] = {
    "hidden-states": (states, lambda s, t, p: hidden_states(s, t, nn.Identity(), p)),
    "attention-maps": (maps, attention_maps),
    "attention-relations": (states, lambda s, t, p: attention_relations(s, t, HEADS, p)),
}


def padded(features: torch.Tensor, tokens: int) -> torch.Tensor:
    """With tokens behind the real ones that hold nothing a network should hold."""
    more = tokens - features.shape[-2]
    sides = (0, more, 0, more) if features.dim() == 4 else (0, 0, 0, more)
    return nn.functional.pad(features, sides, value=torch.nan)


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None, max_examples=40)
@given(
    case=st.sampled_from(sorted(CASES)),
    seed=st.integers(0, 10_000),
    samples=st.integers(1, 3),
    tokens=st.integers(1, 4),
    more=st.integers(0, 3),
)
def test_adding_padding_changes_neither_loss_nor_gradient(
    case: str, seed: int, samples: int, tokens: int, more: int
) -> None:
    features, loss_of = CASES[case]
    student, teacher = (noise(seed + i, samples, tokens, 4) for i in range(2))
    student.requires_grad_()
    ours, theirs = features(student, tokens), features(teacher, tokens)
    plain = loss_of(ours, theirs, None)
    (expected,) = torch.autograd.grad(plain, student, retain_graph=True)
    padding = (torch.arange(tokens + more) >= tokens).expand(samples, -1)
    loss = loss_of(padded(ours, tokens + more), padded(theirs, tokens + more), padding)
    (gradient,) = torch.autograd.grad(loss, student)
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("case", sorted(CASES))
def test_texts_count_by_their_tokens(case: str) -> None:
    """The mean over a batch of two lengths is that over all its tokens; an empty text is none."""
    features, loss_of = CASES[case]
    student, teacher = noise(1, 3, 5, 4), noise(2, 3, 5, 4)
    lengths = [5, 2, 0]
    alone = [
        loss_of(features(student[i, None], n), features(teacher[i, None], n), None)
        for i, n in enumerate(lengths[:2])
    ]
    padding = torch.arange(5) >= torch.tensor(lengths)[:, None]
    ours, theirs = (
        torch.cat([padded(features(raw[i, None], n), 5) for i, n in enumerate(lengths)])
        for raw in (student, teacher)
    )
    loss = loss_of(ours, theirs, padding)
    torch.testing.assert_close(loss, (5 * alone[0] + 2 * alone[1]) / 7)


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_batch_of_padding_alone_costs_nothing(case: str) -> None:
    features, loss_of = CASES[case]
    raw = noise(1, 2, 3, 4).requires_grad_()
    loss = loss_of(features(raw, 3), features(noise(2, 2, 3, 4), 3), torch.ones(2, 3).bool())
    loss.backward()
    assert loss.item() == 0
    assert raw.grad is not None
    assert not raw.grad.any()


def test_token_numbers_tell_where_the_padding_is() -> None:
    network = nn.Embedding(9, 4)
    tokens = torch.tensor([[3, 8, 0, 0], [1, 2, 5, 6]], dtype=torch.int32)
    padding = Tapped(network, [])(tokens).padding
    assert padding is not None
    assert padding.tolist() == [[False, False, True, True], [False] * 4]
    assert Tapped(nn.Linear(4, 3), [])(torch.zeros(2, 4)).padding is None


STUDENT = "layers.1"
TEACHER = "bert.encoder.layer.2"
SPECS: list[Signal] = [
    HiddenStates(kind="hidden-states", layers={"embedding_norm": "bert.embeddings"}),
    AttentionMaps(
        kind="attention-maps",
        layers={f"{STUDENT}.attention.weights": f"{TEACHER}.attention.self[1]"},
    ),
    *(
        AttentionRelations(
            kind="attention-relations",
            heads=4,
            layers={f"{STUDENT}.attention.{part}": f"{TEACHER}.attention.self.{part}"},
        )
        for part in ("query", "key", "value")
    ),
]
LENGTH = 10


class Bert(nn.Module):
    """Hugging Face's BERT under a linear layer, its padding masked."""

    def __init__(self) -> None:
        from transformers import BertConfig, BertModel

        super().__init__()
        config = BertConfig(
            vocab_size=30,
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=3,
            intermediate_size=32,
            max_position_embeddings=LENGTH,
            initializer_range=0.3,
            attn_implementation="eager",
        )
        self.bert = BertModel(config, add_pooling_layer=False)
        self.head = nn.Linear(24, 3)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        states = self.bert(tokens, attention_mask=tokens.ne(0).long()).last_hidden_state
        logits: torch.Tensor = self.head(states[:, 0])
        return logits


def texts(samples: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, 30, (samples, LENGTH), generator=draw, dtype=torch.int32)
    lengths = torch.randint(2, LENGTH - 2, (samples, 1), generator=draw)
    return tokens.masked_fill(torch.arange(LENGTH) >= lengths, 0)


class Pair:
    """A student of ``models/zoo``, BERT as its teacher, and all that it is told of one batch."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.signals = SignalSum(SPECS, temperature=1.0)
        student = transformer(30, LENGTH, 3, width=8, layers=2, heads=2, dropout=0.0)
        self.student = Tapped(student, self.signals.student_taps)
        self.teacher = Tapped(Bert().eval(), self.signals.teacher_taps)
        self.tokens = texts(8)
        self.labels = torch.full((8,), -1)

    def told(self, tokens: torch.Tensor) -> Seen:
        """What is kept of the teacher, in the number format in which it is kept."""
        with torch.no_grad():
            seen = self.teacher(tokens)
        kept = {tap: self.signals.condense(tap, value).half() for tap, value in seen.taps.items()}
        return Seen(seen.logits, kept)

    def loss(self, tokens: torch.Tensor, told: Seen) -> torch.Tensor:
        loss: torch.Tensor = self.signals(self.student(tokens), told, self.labels)
        return loss


def test_a_student_of_text_learns_from_inside_bert() -> None:
    pair = Pair()
    told = pair.told(pair.tokens)
    pair.signals.adapt(pair.student(pair.tokens), told)
    learned = [*pair.student.parameters(), *pair.signals.parameters()]
    optimizer = torch.optim.Adam(learned, lr=0.01)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = pair.loss(pair.tokens, told)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_kept_answers_fit_a_batch_that_was_cut_to_its_longest_text() -> None:
    pair = Pair()
    told = pair.told(pair.tokens)
    pair.signals.adapt(pair.student(pair.tokens), told)
    cut = pair.tokens[:, : int(pair.tokens.ne(0).sum(dim=1).max())]
    assert cut.shape[1] < LENGTH
    assert {value.shape[1:] for value in told.taps.values()} > {(3, LENGTH, LENGTH)}
    torch.testing.assert_close(pair.loss(cut, told), pair.loss(pair.tokens, told))
    pair.signals.adapt(pair.student(cut), told)


def test_who_equals_the_teacher_has_nothing_to_learn() -> None:
    torch.manual_seed(0)
    attention = "layers.0.attention"
    signals = SignalSum(
        [
            HiddenStates(kind="hidden-states", layers={"layers.0": "layers.0"}),
            AttentionMaps(
                kind="attention-maps", layers={f"{attention}.weights": f"{attention}.weights"}
            ),
            AttentionRelations(
                kind="attention-relations",
                heads=2,
                layers={f"{attention}.value": f"{attention}.value"},
            ),
        ],
        temperature=1.0,
    )
    network = transformer(30, LENGTH, 3, width=8, layers=1, heads=4, dropout=0.0)
    both = Tapped(network, signals.student_taps)(texts(4))
    signals.adapt(both, both)
    assert signals(both, both, torch.full((4,), -1)).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("spec", "student", "teacher"),
    [
        (HiddenStates(kind="hidden-states", layers={"a": "a"}), (2, 4, 6), (2, 5, 6)),
        (HiddenStates(kind="hidden-states", layers={"a": "a"}), (2, 5, 6), (2, 4, 6)),
        (AttentionMaps(kind="attention-maps", layers={"a": "a"}), (2, 1, 5, 6), (2, 1, 6, 6)),
        (
            AttentionRelations(kind="attention-relations", heads=2, layers={"a": "a"}),
            (2, 4, 6),
            (2, 4, 6),
        ),
    ],
)
def test_features_without_a_position_for_each_token_are_refused(
    spec: HiddenStates | AttentionMaps | AttentionRelations,
    student: tuple[int, ...],
    teacher: tuple[int, ...],
) -> None:
    signals = SignalSum([spec], temperature=1.0)
    padding = torch.zeros(2, 5, dtype=torch.bool)
    ours = Seen(torch.zeros(2, 3), {"a": torch.zeros(student)}, padding)
    with pytest.raises(BadInput, match=spec.kind):
        signals.adapt(ours, Seen(torch.zeros(2, 3), {"a": torch.zeros(teacher)}))
