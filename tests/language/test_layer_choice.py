from __future__ import annotations

import pytest
import torch

from edgekd.errors import BadInput
from edgekd.language.layer_choice import choose_layers
from edgekd.language.losses import cross_entropy
from edgekd.language.student import cut_student
from tests.language.models import tiny_model

TOKENS = torch.randint(97, (2, 20), generator=torch.Generator().manual_seed(0))


def test_each_time_the_least_missed_layer_goes() -> None:
    """The slow way: a student of every choice, from scratch."""
    teacher = tiny_model(layers=6)

    def loss_of(layers: list[int]) -> float:
        student = cut_student(
            teacher, layers=layers, feed_forward=40, key_value_heads=2, calibration=[]
        )
        return float(cross_entropy(student(TOKENS[:, :-1]), TOKENS[:, 1:]).mean())

    left, seen = list(range(6)), []
    while len(left) > 2:
        left = min(([n for n in left if n != gone] for gone in left), key=loss_of)
        keep = len(left)
        assert choose_layers(teacher, keep, TOKENS, lambda *_: None) == left
        seen.append(left)
    assert choose_layers(teacher, 6, TOKENS, lambda *_: None) == list(range(6))
    done: list[tuple[int, int]] = []
    choose_layers(teacher, 2, TOKENS, lambda *step: done.append(step))
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_layer_that_does_nothing_goes_first() -> None:
    teacher = tiny_model(layers=4)
    with torch.no_grad():
        teacher.decoder_layers[2].attention.output.weight.zero_()
        teacher.decoder_layers[2].feed_forward.down.weight.zero_()
        # Tokens that the whole teacher is sure of: any change is a loss.
        likely = teacher(TOKENS).argmax(-1)
    calibration = torch.cat((TOKENS[:, :1], likely[:, :1]), dim=1)
    assert choose_layers(teacher, 3, calibration, lambda *_: None) == [0, 1, 3]


def test_more_layers_than_there_are_is_told() -> None:
    with pytest.raises(BadInput, match="3 of 2"):
        choose_layers(tiny_model(), 3, TOKENS, lambda *_: None)
