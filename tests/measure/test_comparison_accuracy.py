"""How often accuracies raise a false alarm, and how often a lost point is found, by simulation.

The figures of ``docs/compare.md`` are from here: seven rungs, 5,000 test samples, 96 % right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from edgekd.measure.comparison import Change, joint_level
from edgekd.measure.comparison_accuracy import Outcomes, Share, paired_change, share_change

SAMPLES, RUNGS, REPORTS = 5000, 7, 100
ACCURACY, HARD = 0.96, 0.08
POINT = 0.01


@dataclass(frozen=True)
class World:
    """Two reports of one recipe.

    Attributes:
        seeds: trainings on each side.
        spread: standard deviation of a training's accuracy.
        same_weights: the candidate did not train again; its kernels differ a little.
        loss: of the first rung, in accuracy.
    """

    seeds: int
    spread: float = 0.0
    same_weights: bool = False
    loss: float = 0.0

    def changes(self, draw: np.random.Generator, paired: bool = True) -> list[Change]:
        hard = draw.random(SAMPLES) < HARD
        found = []
        for rung in range(RUNGS):
            before = self._trained(draw, hard)
            after = self._again(draw, hard, before)
            if rung == 0:
                after[draw.random(after.shape) < self.loss / ACCURACY] = 0
            shares = share_of(before), share_of(after)
            change = (
                paired_change(*shares, (before, after), same_weights=self.same_weights)
                if paired
                else share_change(*shares, same_weights=self.same_weights)
            )
            found.append(change)
        return found

    def _trained(self, draw: np.random.Generator, hard: np.ndarray) -> Outcomes:
        accuracy = ACCURACY + draw.normal(0, self.spread, (self.seeds, 1))
        missed = draw.random((self.seeds, SAMPLES)) < (1 - accuracy) / HARD
        return np.asarray(~(hard & missed), np.float64)

    def _again(self, draw: np.random.Generator, hard: np.ndarray, before: Outcomes) -> Outcomes:
        new = self._trained(draw, hard)
        if not self.same_weights:
            return new
        return np.where(draw.random(before.shape) < 0.05, new, before)


def share_of(outcomes: Outcomes) -> Share:
    return Share(
        float(outcomes.mean()), SAMPLES, list(map(float, outcomes.mean(axis=1))), len(outcomes)
    )


def rates(world: World, seed: int, paired: bool = True) -> tuple[float, float]:
    """Shares of the reports in which the first rung, and in which any other is found worse."""
    draw = np.random.default_rng(seed)
    first = others = 0
    for _ in range(REPORTS):
        changes = world.changes(draw, paired)
        level = joint_level([change.p_value() for change in changes])
        worse = [change.interval(level)[1] < 0 for change in changes]
        first += worse[0]
        others += any(worse[1:])
    return first / REPORTS, others / REPORTS


@pytest.mark.parametrize(
    "world",
    [
        World(seeds=1, same_weights=True),
        World(seeds=1, spread=0.003),
        World(seeds=1, spread=0.012),
        World(seeds=2, spread=0.003),
        World(seeds=3, spread=0.003),
    ],
    ids=str,
)
def test_two_reports_of_one_recipe_raise_no_alarm(world: World) -> None:
    first, others = rates(world, seed=5)
    assert first + others <= 0.06


@pytest.mark.parametrize(
    ("world", "power"),
    [
        (World(seeds=1, same_weights=True, loss=POINT), 0.99),
        (World(seeds=3, same_weights=True, loss=POINT), 0.99),
        (World(seeds=3, spread=0.001, loss=POINT), 0.6),
        (World(seeds=5, spread=0.003, loss=POINT), 0.6),
    ],
    ids=str,
)
def test_a_lost_point_is_found_on_5000_samples(world: World, power: float) -> None:
    first, others = rates(world, seed=6)
    assert first >= power
    assert others <= 0.06


def test_samples_alone_do_not_answer_for_another_training() -> None:
    # One seed on each side: the point is there, and nothing tells it from another seed's.
    assert rates(World(seeds=1, spread=0.003, loss=POINT), seed=7)[0] == 0
    assert rates(World(seeds=1, spread=0.003, loss=0.2), seed=7)[0] == 1


def test_pairing_finds_what_independent_samples_do_not() -> None:
    lost = World(seeds=1, same_weights=True, loss=POINT)
    assert rates(lost, seed=8)[0] > rates(lost, seed=8, paired=False)[0]


def test_a_bound_on_differing_answers_narrows_and_never_widens() -> None:
    before, after = Share(0.96, 5000, [0.96]), Share(0.95, 5000, [0.95])
    alone = share_change(before, after, same_weights=True)
    bounded = share_change(before, after, same_weights=True, differing=0.004)
    loose = share_change(before, after, same_weights=True, differing=1.0)
    assert bounded.p_value() < 1e-9 < alone.p_value() == loose.p_value()
    assert "paired" in bounded.covers
    other_samples = Share(0.95, 4000, [0.95])
    unpaired = share_change(before, other_samples, same_weights=True, differing=0.004)
    assert "paired" not in unpaired.covers


def test_no_case_seen_is_no_proof() -> None:
    change = share_change(Share(1.0, 10, [1.0]), Share(1.0, 10, [1.0]), same_weights=True)
    low, high = change.interval(0.05)
    assert low < -0.1
    assert high > 0.1
