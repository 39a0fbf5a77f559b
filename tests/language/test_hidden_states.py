from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgekd.language.batches import LanguageBatch
from edgekd.language.hidden_states import (
    HiddenStates,
    hidden_distance,
    matching_layers,
    watched_layers,
)
from edgekd.language.student import cut_student
from edgekd.language.training import LanguageObjective
from tests.language.models import tiny_model

TEACHER = tiny_model(3, layers=5)
TOKENS = torch.from_numpy(np.random.default_rng(0).integers(0, 96, (2, 9)))


@given(st.sets(st.integers(0, 30), min_size=1))
def test_a_layer_ends_where_the_next_kept_one_begins(chosen: set[int]) -> None:
    kept = sorted(chosen)
    found = matching_layers(kept, 31)
    # The slow way: the last layer of the teacher that does not reach the next kept one.
    for place, own in enumerate(kept):
        behind = [layer for layer in range(own, 31) if layer not in kept[place + 1 :]]
        run = [layer for number, layer in enumerate(behind) if layer == own + number]
        assert found[place] == run[-1]


def test_a_student_of_all_layers_matches_its_teacher() -> None:
    with torch.no_grad(), watched_layers(TEACHER, range(5)) as seen:
        TEACHER(TOKENS)
        streams = seen()
    assert matching_layers(range(5), 5) == [0, 1, 2, 3, 4]
    assert [stream.shape for stream in streams] == [(2, 9, 24)] * 5
    assert hidden_distance(streams, streams).abs().max() == 0
    # Only the direction counts.
    assert hidden_distance(streams, [3 * stream for stream in streams]).max() < 1e-6
    opposite = hidden_distance(streams, [-stream for stream in streams])
    assert torch.allclose(opposite, torch.full((2, 9), 4.0), atol=1e-4)
    # The hooks are gone.
    TEACHER(TOKENS + 1)
    assert all(torch.equal(now, then) for now, then in zip(seen(), streams, strict=True))


def test_the_distance_is_what_is_written() -> None:
    generator = np.random.default_rng(1)
    own, told = generator.normal(size=(2, 3, 2, 9, 24)).astype(np.float32)
    found = hidden_distance(list(torch.from_numpy(own)), list(torch.from_numpy(told)))
    for sample, token in np.ndindex(2, 9):
        distances = []
        for layer in range(3):
            first, second = own[layer, sample, token], told[layer, sample, token]
            first = first / np.sqrt(np.mean(first**2))
            second = second / np.sqrt(np.mean(second**2))
            distances.append(np.mean((first - second) ** 2))
        assert found[sample, token].item() == pytest.approx(np.mean(distances), rel=1e-4)


def test_the_objective_adds_it_and_teaches_the_layers() -> None:
    sizes = TEACHER.architecture
    student = cut_student(
        TEACHER,
        layers=[0, 3],
        feed_forward=sizes.feed_forward,
        key_value_heads=sizes.key_value_heads,
        calibration=[],
    )
    batch = LanguageBatch(TOKENS, TOKENS, torch.full((2, 9), 1 / 18), labelled=True, answers=None)
    pairs = HiddenStates(0.7, (0, 1), tuple(matching_layers([0, 3], 5)))
    assert pairs.teacher == (2, 4)
    with_streams = LanguageObjective(0.2, teacher=TEACHER, hidden=pairs)
    with watched_layers(student, with_streams.watched) as streams:
        logits = student(TOKENS)
    with torch.no_grad(), watched_layers(TEACHER, pairs.teacher) as theirs:
        TEACHER(TOKENS)
    whole = with_streams(logits, batch, streams())
    plain = LanguageObjective(0.2, teacher=TEACHER)(logits, batch)
    distance = hidden_distance(streams(), theirs()).mean()
    assert whole.item() == pytest.approx(plain.item() + 0.7 * distance.item(), rel=1e-5)
    before = distance.item()
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3)
    for _ in range(20):
        optimizer.zero_grad()
        with watched_layers(student, with_streams.watched) as streams:
            logits = student(TOKENS)
        with_streams(logits, batch, streams()).backward()
        optimizer.step()
    assert hidden_distance(streams(), theirs()).mean().item() < 0.8 * before
