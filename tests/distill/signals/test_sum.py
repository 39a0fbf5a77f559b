from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from edgekd.distill.signals import SignalSum
from edgekd.distill.signals.features import energy_map, relations, similarity
from edgekd.distill.signals.logits import decoupled, soft_targets
from edgekd.distill.taps import Seen, Tapped
from edgekd.errors import BadInput
from edgekd.recipe.signals import (
    AttentionMaps,
    AttentionTransfer,
    Decoupled,
    HiddenStates,
    Hint,
    Regression,
    Relations,
    Signal,
    Similarity,
    SoftTargets,
)

SOFT = SoftTargets(kind="soft-targets", weight=0.5)
DECOUPLED = Decoupled(kind="decoupled", weight=2.0, temperature=3.0, standardize=True)
REGRESSION = Regression(kind="regression", weight=0.25)
HINT = Hint(kind="hint", student="body.0", teacher="body.0")
VECTOR_HINT = Hint(kind="hint", student="pool", teacher="pool")
TRANSFER = AttentionTransfer(
    kind="attention-transfer", weight=1000.0, student="body.2", teacher="body.2"
)
SIMILARITY = Similarity(kind="similarity", weight=30.0, student="pool", teacher="body.2")
RELATIONS = Relations(kind="relations", weight=4.0, student="pool", teacher="pool", angle=3.0)
ALL: list[Signal] = [
    *(SOFT, DECOUPLED, REGRESSION, HINT, VECTOR_HINT, TRANSFER, SIMILARITY, RELATIONS),
]
BATCH = 6
LABELS = torch.tensor([0, -1, 2, 3, -1, 1])


def network(channels: int, stride: int) -> nn.Module:
    modules = {
        "body": nn.Sequential(
            nn.Conv2d(1, channels, 3, stride, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride, padding=1),
        ),
        "pool": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "head": nn.Linear(2 * channels, 4),
    }
    result = nn.Sequential()
    for name, module in modules.items():
        result.add_module(name, module)
    return result


class Pair:
    """A student, its teacher, one batch and the signals between them."""

    def __init__(self, specs: list[Signal], dtype: torch.dtype = torch.float32) -> None:
        torch.manual_seed(0)
        self.signals = SignalSum(specs, temperature=4.0)
        self.student = Tapped(network(3, stride=2), self.signals.student_taps).to(dtype)
        self.teacher = Tapped(network(5, stride=1), self.signals.teacher_taps).to(dtype)
        self.inputs = torch.randn(BATCH, 1, 9, 7, dtype=dtype)

    def ours(self) -> Seen:
        seen: Seen = self.student(self.inputs)
        return seen

    def theirs(self) -> Seen:
        seen = self.teacher(self.inputs)
        taps = {tap: self.signals.condense(tap, value) for tap, value in seen.taps.items()}
        return Seen(seen.logits, taps)

    def loss(self) -> torch.Tensor:
        loss: torch.Tensor = self.signals(self.ours(), self.theirs(), LABELS)
        return loss


def adapted(specs: list[Signal], dtype: torch.dtype = torch.float32) -> Pair:
    pair = Pair(specs, dtype)
    pair.signals.adapt(pair.ours(), pair.theirs())
    return pair


def test_each_tap_is_named_once_in_order() -> None:
    signals = SignalSum([*ALL, *ALL], temperature=4.0)
    assert signals.student_taps == ("body.0", "pool", "body.2")
    assert signals.teacher_taps == ("body.0", "pool", "body.2")
    layers = {"a": "c", "b": "c", "d[1]": "e[0]"}
    signals = SignalSum([HiddenStates(kind="hidden-states", layers=layers)], temperature=4.0)
    assert signals.student_taps == ("a", "b", "d[1]")
    assert signals.teacher_taps == ("c", "e[0]")


def test_is_the_weighted_sum_with_the_recipes_options() -> None:
    pair = adapted([SOFT, DECOUPLED, REGRESSION, SIMILARITY, RELATIONS])
    ours, theirs = pair.ours(), pair.theirs()
    expected = (
        0.5 * soft_targets(ours.logits, theirs.logits, temperature=4.0)
        + 2.0
        * decoupled(
            ours.logits,
            theirs.logits,
            LABELS,
            temperature=3.0,
            target=1.0,
            others=8.0,
            standardize=True,
        )
        + 0.25 * (ours.logits - theirs.logits).square().mean()
        + 30.0 * similarity(ours.taps["pool"], theirs.taps["body.2"])
        + 4.0 * relations(ours.taps["pool"], theirs.taps["pool"], distance=1.0, angle=3.0)
    )
    torch.testing.assert_close(pair.loss(), expected)


def test_the_whole_is_the_sum_of_its_parts() -> None:
    whole = adapted(ALL)
    parts = 0.0
    for place, spec in enumerate(ALL):
        pair = adapted([spec])
        pair.signals.terms[0].load_state_dict(whole.signals.terms[place].state_dict())
        parts += pair.loss().item()
    assert whole.loss().item() == pytest.approx(parts, rel=1e-5)


def test_gradients_reach_the_student_and_the_adapters_but_not_the_teacher() -> None:
    pair = adapted(ALL)
    pair.loss().backward()
    learned = [*pair.student.parameters(), *pair.signals.parameters()]
    assert len(list(pair.signals.parameters())) == 5
    for parameter in learned:
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.any()
    assert all(parameter.grad is None for parameter in pair.teacher.parameters())


def test_training_brings_the_student_nearer() -> None:
    pair = adapted(ALL)
    optimizer = torch.optim.Adam([*pair.student.parameters(), *pair.signals.parameters()], lr=0.01)
    first = pair.loss().item()
    for _ in range(30):
        optimizer.zero_grad()
        pair.loss().backward()
        optimizer.step()
    assert pair.loss().item() < 0.6 * first


def test_a_tap_that_only_attention_transfer_reads_is_condensed() -> None:
    features = torch.randn(BATCH, 5, 4, 4)
    alone = SignalSum([TRANSFER, TRANSFER, HINT], temperature=4.0)
    torch.testing.assert_close(alone.condense("body.2", features), energy_map(features))
    assert alone.condense("body.0", features) is features
    shared = SignalSum([TRANSFER, SIMILARITY], temperature=4.0)
    assert shared.condense("body.2", features) is features


def test_condensing_does_not_change_the_loss() -> None:
    pair = adapted([TRANSFER])
    unlearned = SIMILARITY.model_copy(update={"weight": 1e-30})
    shared = adapted([TRANSFER, unlearned])
    assert pair.theirs().taps["body.2"].shape == (BATCH, 9, 7)
    assert shared.theirs().taps["body.2"].shape == (BATCH, 10, 9, 7)
    torch.testing.assert_close(pair.loss(), shared.loss())


def test_a_signal_of_weight_zero_is_left_out() -> None:
    signals = SignalSum([HINT.model_copy(update={"weight": 0.0}), SOFT], temperature=4.0)
    assert signals.student_taps == signals.teacher_taps == ()
    student, teacher = torch.randn(2, 3, 4)
    torch.testing.assert_close(
        signals(Seen(student, {}), Seen(teacher, {}), torch.zeros(3, dtype=torch.int64)),
        0.5 * soft_targets(student, teacher, temperature=4.0),
    )
    nothing = SignalSum([SOFT.model_copy(update={"weight": 0.0})], temperature=4.0)
    assert nothing(Seen(student, {}), Seen(teacher, {}), LABELS[:3]).item() == 0


def test_adapters_come_from_the_global_seed() -> None:
    pair = adapted([HINT, VECTOR_HINT])
    torch.manual_seed(5)
    pair.signals.adapt(pair.ours(), pair.theirs())
    first = copy.deepcopy(pair.signals.state_dict())
    torch.manual_seed(5)
    pair.signals.adapt(pair.ours(), pair.theirs())
    torch.testing.assert_close(pair.signals.state_dict(), first)
    torch.manual_seed(6)
    pair.signals.adapt(pair.ours(), pair.theirs())
    weight = "terms.0.adapters.0.0.weight"
    assert not torch.equal(pair.signals.state_dict()[weight], first[weight])


def test_a_projection_is_learned_only_between_different_widths() -> None:
    spec = HiddenStates(kind="hidden-states", layers={"a": "a", "b": "b"})
    signals = SignalSum([spec], temperature=4.0)
    states = {"a": torch.randn(2, 3, 4), "b": torch.randn(2, 3, 4)}
    wider = {"a": states["a"], "b": torch.randn(2, 3, 6)}
    signals.adapt(Seen(torch.randn(2, 4), states), Seen(torch.randn(2, 4), wider))
    assert [tuple(parameter.shape) for parameter in signals.parameters()] == [(6, 4)]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_number_formats(dtype: torch.dtype) -> None:
    pair = adapted(ALL, dtype)
    loss = pair.loss()
    loss.backward()
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    for parameter in pair.student.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_autocast_does_not_lower_the_precision() -> None:
    pair = adapted(ALL)
    ours, theirs = pair.ours(), pair.theirs()
    expected = pair.signals(ours, theirs, LABELS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(pair.signals(ours, theirs, LABELS), expected)


def seen(**taps: torch.Tensor) -> Seen:
    return Seen(torch.zeros(2, 4), taps)


LAYERS = {"a": "a"}


@pytest.mark.parametrize(
    ("spec", "student", "teacher"),
    [
        (Hint(kind="hint", student="a", teacher="a"), (2, 3, 4, 4), (2, 3)),
        (Hint(kind="hint", student="a", teacher="a"), (9, 3), (9, 3)),
        (
            AttentionTransfer(kind="attention-transfer", student="a", teacher="a"),
            (2, 3),
            (2, 3, 4, 4),
        ),
        (Similarity(kind="similarity", student="a", teacher="a"), (2,), (2, 3)),
        (Relations(kind="relations", student="a", teacher="a"), (2, 3), (3, 3)),
        (HiddenStates(kind="hidden-states", layers=LAYERS), (2, 5, 4), (2, 6, 4)),
        (HiddenStates(kind="hidden-states", layers=LAYERS), (2, 5, 4, 4), (2, 5, 4)),
        (AttentionMaps(kind="attention-maps", layers=LAYERS), (2, 1, 5, 4), (2, 1, 5, 5)),
        (AttentionMaps(kind="attention-maps", layers=LAYERS), (2, 5, 4), (2, 1, 5, 4)),
    ],
)
def test_features_that_cannot_be_compared_are_refused(
    spec: Signal, student: tuple[int, ...], teacher: tuple[int, ...]
) -> None:
    signals = SignalSum([SOFT, spec], temperature=4.0)
    told = signals.condense("a", torch.zeros(teacher))
    with pytest.raises(BadInput) as error:
        signals.adapt(seen(a=torch.zeros(student)), seen(a=told))
    assert f"distill.signals[1] ({spec.kind})" in str(error.value)
    assert f"gives {list(student)}" in str(error.value)
    assert f"gives {list(told.shape)}" in str(error.value)


@pytest.mark.parametrize(
    ("specs", "tap", "shape"),
    [
        ([SIMILARITY, TRANSFER], "body.2", (2, 3)),
        ([SIMILARITY, TRANSFER], "body.2", (2, 3, 4)),
        ([SOFT, HINT], "body.0", (2, 3, 4)),
        ([SOFT, AttentionMaps(kind="attention-maps", layers=LAYERS)], "a", (2, 3, 4)),
    ],
)
def test_a_teachers_tap_of_other_dimensions_is_refused(
    specs: list[Signal], tap: str, shape: tuple[int, ...]
) -> None:
    signals = SignalSum(specs, temperature=4.0)
    with pytest.raises(BadInput) as error:
        signals.condense(tap, torch.zeros(shape))
    assert f"distill.signals[1] ({specs[1].kind}): the teacher's tap {tap!r}" in str(error.value)
    assert f"gives {list(shape)}" in str(error.value)


@pytest.mark.parametrize("spec", [SOFT, DECOUPLED, REGRESSION])
def test_outputs_of_other_shapes_are_refused(spec: Signal) -> None:
    signals = SignalSum([spec], temperature=4.0)
    with pytest.raises(BadInput, match=r"\[2, 4\], the teacher's \[2, 5\]"):
        signals.adapt(Seen(torch.zeros(2, 4), {}), Seen(torch.zeros(2, 5), {}))


def test_only_regression_compares_outputs_of_any_shape() -> None:
    images = Seen(torch.zeros(2, 1, 4, 4), {})
    regression = SignalSum([REGRESSION], temperature=4.0)
    regression.adapt(images, images)
    assert regression(images, images, LABELS[:2]).item() == 0
    with pytest.raises(BadInput, match="soft-targets"):
        SignalSum([SOFT], temperature=4.0).adapt(images, images)
