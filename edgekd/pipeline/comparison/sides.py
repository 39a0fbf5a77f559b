"""What holds for all figures of two reports: the same samples, weights and devices or not."""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1

from edgekd.measure.comparison import Change
from edgekd.measure.comparison_accuracy import Outcomes
from edgekd.pipeline.comparison.evidence import outcomes_of
from edgekd.records import Measurement, Rung
from edgekd.records.comparison import Baseline, ComparedFigure, FigureVerdict


@dataclass(frozen=True)
class Pending:
    """A figure with its change, before all figures are judged together.

    Attributes:
        figure: with everything but the verdict.
        change: ``None`` where it cannot be judged; ``figure.reason`` says why.
        gain: whether more is better.
    """

    figure: ComparedFigure
    change: Change | None
    gain: bool

    def judged(self, level: float) -> ComparedFigure:
        """The figure with its verdict and the interval of its change at a joint level."""
        if self.change is None:
            return self.figure
        low, high = self.change.interval(level)
        verdict: FigureVerdict = "no change shown"
        if low > 0 or high < 0:
            verdict = "better" if (low > 0) == self.gain else "worse"
        if not self.gain:
            low, high = expm1(min(low, 700)), expm1(min(high, 700))
        found = {
            "interval": (low, high),
            "p_value": None if self.change.exact else self.change.p_value(),
            "verdict": verdict,
            "covers": self.change.covers,
        }
        return self.figure.model_copy(update=found)


@dataclass(frozen=True)
class Sides:
    """Both sides, and what holds for all their figures.

    Attributes:
        other_data: why accuracies cannot be compared; empty where they can.
        same_samples: the stored data are known to be the same, sample by sample.
    """

    before: Baseline
    after: Baseline
    other_data: str
    same_samples: bool

    def rungs(self, name: str) -> tuple[Rung, Rung] | None:
        """A rung of both reports."""
        found = [
            next((rung for rung in side.report.rungs if rung.name == name), None)
            for side in (self.before, self.after)
        ]
        return (found[0], found[1]) if found[0] and found[1] else None

    def outcomes(self, name: str) -> tuple[Outcomes, Outcomes] | None:
        """Outcomes of a rung on both sides, where these are of the same samples."""
        if not self.same_samples:
            return None
        old, new = (outcomes_of(side.rungs.get(name)) for side in (self.before, self.after))
        if old is None or new is None or old.shape[1] != new.shape[1]:
            return None
        return old, new

    def same_weights(self, name: str) -> bool:
        """Whether a rung has the same weights on both sides, at every seed."""
        old, new = (side.rungs.get(name) for side in (self.before, self.after))
        if old and new and old.weights and new.weights:
            return old.weights == new.weights
        # Without the run folders: the file that was made of its only seed is the same.
        lone = len(self.before.report.seeds) == len(self.after.report.seeds) == 1
        return lone and any(
            one.sha256 == other.sha256
            for one in self.before.report.measurements
            for other in self.after.report.measurements
            if one.rung == other.rung == name and one.target == other.target
        )

    def same_exported(self, before: Measurement, after: Measurement) -> bool:
        """Whether both files are of the same weights."""
        if before.sha256 == after.sha256:
            return True
        sides = ((self.before, before), (self.after, after))
        old, new = (_weights(side, found) for side, found in sides)
        return old is not None and old == new


def _weights(side: Baseline, found: Measurement) -> str | None:
    evidence = side.rungs.get(found.rung)
    if evidence is None:
        return None
    # A teacher has one training, whatever its seed is called.
    return evidence.weights.get(str(found.seed), evidence.weights.get("teacher"))
