from __future__ import annotations

import pytest
import torch

from edgekd.errors import BadInput
from edgekd.language.network import CausalLanguageModel
from edgekd.language.student import cut_student, importance_of, spread_layers
from tests.language.models import tiny_model

TOKENS = torch.randint(97, (2, 20), generator=torch.Generator().manual_seed(0))


def cut(teacher: CausalLanguageModel, **changes: object) -> CausalLanguageModel:
    sizes = teacher.architecture
    whole: dict[str, object] = {
        "layers": range(sizes.layers),
        "feed_forward": sizes.feed_forward,
        "key_value_heads": sizes.key_value_heads,
        "calibration": [TOKENS],
    }
    return cut_student(teacher, **{**whole, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("tied", [True, False])
def test_a_student_that_keeps_everything_is_its_teacher(tied: bool) -> None:
    teacher = tiny_model(tied_embeddings=tied)
    student = cut(teacher)
    assert student.architecture == teacher.architecture
    assert torch.equal(student(TOKENS), teacher(TOKENS))
    with torch.no_grad():
        student.embedding.weight.zero_()
    assert teacher.embedding.weight.abs().sum() > 0


def test_dropping_layers_is_leaving_them_out() -> None:
    teacher = tiny_model(layers=5)
    student = cut(teacher, layers=[0, 2, 4])
    for number in (1, 3):
        teacher.layers[number] = torch.nn.Identity()
        teacher.layers[number].forward = lambda hidden, *_: hidden  # type: ignore[method-assign]
    assert torch.equal(student(TOKENS), teacher(TOKENS))


def test_removing_neurons_and_heads_that_do_nothing_changes_nothing() -> None:
    teacher = tiny_model(heads=6, key_value_heads=3)
    with torch.no_grad():
        for layer in teacher.decoder_layers:
            layer.feed_forward.down.weight[:, [1, 5, 38]] = 0
            # The second group: heads 2 and 3.
            layer.attention.output.weight[:, 16:32] = 0
    student = cut(teacher, feed_forward=37, key_value_heads=2)
    assert (student.architecture.heads, student.architecture.feed_forward) == (4, 37)
    torch.testing.assert_close(student(TOKENS), teacher(TOKENS), atol=1e-5, rtol=1e-5)


def test_importance_against_one_part_at_a_time() -> None:
    """The slow way: what each neuron and each group of heads adds, token by token."""
    model = tiny_model(heads=4, key_value_heads=2)
    got = importance_of(model, [TOKENS[:1], TOKENS[1:]])
    seen: dict[str, torch.Tensor] = {}
    layer = model.decoder_layers[1]
    layer.feed_forward.down.register_forward_pre_hook(
        lambda _, inputs: seen.__setitem__("neurons", inputs[0].detach())
    )
    layer.attention.output.register_forward_pre_hook(
        lambda _, inputs: seen.__setitem__("heads", inputs[0].detach())
    )
    model(TOKENS)
    down, output = layer.feed_forward.down.weight, layer.attention.output.weight
    for neuron in (0, 17):
        added = seen["neurons"][..., neuron, None] * down[:, neuron]
        expected = added.norm(dim=-1).mean()
        assert got.feed_forward[1, neuron].item() == pytest.approx(expected.item(), rel=1e-4)
    total = 0.0
    for head in (2, 3):
        part = slice(head * 8, head * 8 + 8)
        sizes = seen["heads"][..., part].norm(dim=-1).mean()
        total += float(sizes * output[:, part].norm())
    assert got.key_value_heads[1, 1].item() == pytest.approx(total, rel=1e-4)


def test_the_ends_are_kept_and_the_rest_is_spread() -> None:
    assert spread_layers(30, 10) == [0, 1, 4, 8, 12, 17, 21, 25, 28, 29]
    assert spread_layers(30, 4) == [0, 1, 28, 29]
    assert spread_layers(30, 3) == [0, 1, 29]
    assert spread_layers(30, 1) == [0]
    for count in range(1, 12):
        for keep in range(1, count + 1):
            layers = spread_layers(count, keep)
            assert len(layers) == keep
            assert layers == sorted(set(layers))
            assert layers[-1] < count
    with pytest.raises(BadInput, match="31 of 30"):
        spread_layers(30, 31)


def test_what_cannot_be_kept_is_told() -> None:
    teacher = tiny_model()
    for changes, said in (
        ({"layers": [1, 0]}, "in order"),
        ({"layers": [0, 2]}, "in order"),
        ({"layers": []}, "in order"),
        ({"feed_forward": 41}, "41 of 40"),
        ({"key_value_heads": 0}, "0 of 2"),
        ({"feed_forward": 30, "calibration": []}, "need calibration"),
    ):
        with pytest.raises(BadInput, match=said):
            cut(teacher, **changes)
