"""Planes of two figures: where each measurement lies, and which of them no other one beats."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from edgekd.records import Measurement, Report
from edgekd.report import units
from edgekd.report.cores import families
from edgekd.report.language import perplexity, shortest_prompt
from edgekd.report.origin import Origin, origin_of, origins

# A guess among a million tokens has 13.8.
_MOST_NATS = 16.0

Unit = Literal["share", "milliseconds", "bytes", "instructions", "perplexity"]


@dataclass(frozen=True)
class Figure:
    """One figure of a measurement, as an axis.

    Attributes:
        label: of the axis.
        read: None where a measurement has no such figure.
        holds: whether the figure counts even where the measurement is invalid.
    """

    label: str
    unit: Unit
    read: Callable[[Measurement], float | None]
    holds: Callable[[Measurement], bool]

    @property
    def more_is_better(self) -> bool:
        """So it is for accuracy alone; the others are costs."""
        return self.unit == "share"

    def text(self, value: float) -> str:
        """The figure with its unit."""
        if self.unit == "share":
            return units.percent(value)
        if self.unit == "milliseconds":
            return f"{units.milliseconds(value)} ms"
        if self.unit == "bytes":
            return units.size(int(value))
        if self.unit == "perplexity":
            return f"perplexity {units.perplexity(value)}"
        return f"{units.count(int(value))} instructions"


@dataclass(frozen=True)
class Plane:
    """What is laid against what: a cost along the x axis."""

    name: str
    heading: str
    x: Figure
    y: Figure

    @property
    def note(self) -> str:
        """How to read it."""
        better = "Up" if self.y.more_is_better else "Down"
        if self.within_cores:
            return (
                f"{better} and to the left is better. What one instruction does differs from core "
                "to core: each dashed line is the Pareto front of one core."
            )
        return f"{better} and to the left is better. The dashed line is the Pareto front."

    @property
    def fronts(self) -> str:
        """What a list of the points on fronts is called."""
        if self.within_cores:
            return "Pareto fronts, core by core, cheapest first"
        return "Pareto front, cheapest first"

    @property
    def within_cores(self) -> bool:
        """Whether files for different cores cannot be held against each other."""
        return self.x.unit == "instructions"


@dataclass(frozen=True)
class Point:
    """One measured file in a plane.

    Attributes:
        family: files of one family can be held against each other.
        on_front: no valid point of its family is at least as good in both and better in one.
        sample: ``sample_text`` of an accuracy.
    """

    rung: str
    target: str
    family: str
    x: float
    y: float
    valid: bool
    on_front: bool
    sample: str = ""


def sample_text(found: Measurement) -> str:
    """On which of the test samples an accuracy was found; empty: on all of them."""
    accuracy = found.accuracy
    if accuracy is None or accuracy.sampled_from is None:
        return ""
    return f"on {units.count(accuracy.n)} of {units.count(accuracy.sampled_from)} test samples"


def file_bytes(found: Measurement) -> int | None:
    """Size of the exported file. A C library is source: what counts there is its flash."""
    return None if found.format == "c" else found.memory.model_bytes


def _perplexity(found: Measurement) -> float | None:
    """None too where it is far beyond guessing, which no axis can hold beside the others."""
    score = found.language
    return perplexity(score.nll) if score and 0 <= score.nll <= _MOST_NATS else None


def _always(_: Measurement) -> bool:
    return True


ACCURACY = Figure(
    "Accuracy",
    "share",
    lambda found: found.accuracy.value if found.accuracy else None,
    lambda found: found.accuracy_holds,
)
LATENCY = Figure(
    "p50 latency, ms",
    "milliseconds",
    lambda found: found.latency_ms.p50 if found.latency_ms else None,
    lambda found: found.valid,
)
DECODING = Figure(
    "Milliseconds a decoded token",
    "milliseconds",
    lambda found: (
        1000 / timed.decode_tokens_per_second if (timed := shortest_prompt(found)) else None
    ),
    lambda found: found.valid,
)
PERPLEXITY = Figure(
    "Perplexity",
    "perplexity",
    _perplexity,
    lambda found: found.accuracy_holds,
)
INSTRUCTIONS = Figure(
    "Instructions",
    "instructions",
    lambda found: found.instructions,
    lambda found: found.valid,
)
FILE_SIZE = Figure("File size", "bytes", file_bytes, _always)
FLASH = Figure("Flash", "bytes", lambda found: found.memory.flash_bytes, _always)

PLANES = (
    Plane("latency", "Accuracy against latency", LATENCY, ACCURACY),
    Plane("size", "Accuracy against file size", FILE_SIZE, ACCURACY),
    Plane("decoding", "Accuracy against time a token", DECODING, ACCURACY),
    Plane("perplexity-size", "Perplexity against file size", FILE_SIZE, PERPLEXITY),
    Plane("perplexity-decoding", "Perplexity against time a token", DECODING, PERPLEXITY),
    Plane("instructions", "Accuracy against instructions", INSTRUCTIONS, ACCURACY),
    Plane("flash", "Accuracy against flash", FLASH, ACCURACY),
    Plane("trade", "Flash against instructions", INSTRUCTIONS, FLASH),
)


def pareto_front(candidates: list[tuple[float, float]]) -> set[int]:
    """Indices of the (cost, accuracy) pairs that no other pair beats.

    A pair is beaten where another is at least as good in both and better in one. Equal pairs do
    not beat each other.
    """
    front = set()
    best = float("-inf")
    by_cost = sorted(range(len(candidates)), key=lambda i: (candidates[i][0], -candidates[i][1]))
    last: tuple[float, float] | None = None
    for index in by_cost:
        if candidates[index][1] > best or candidates[index] == last:
            front.add(index)
            best, last = candidates[index][1], candidates[index]
    return front


def compared_origins(report: Report) -> list[Origin]:
    """The origins that have planes. What a stand-in for a phone said is held against nothing."""
    return [origin for origin in origins(report.measurements) if not origin.stand_in]


def plane_points(report: Report, origin: Origin, plane: Plane) -> list[Point]:
    """Every measurement of one origin that has both figures, the front of each family marked.

    Invalid measurements are kept, but take no part in a front. A disturbed timing does not
    make a file's size and accuracy invalid.
    """
    family = families(report)
    points = []
    for measurement in report.measurements:
        x, y = plane.x.read(measurement), plane.y.read(measurement)
        if origin_of(measurement) != origin or x is None or y is None:
            continue
        # Axes of cost are logarithmic: zero has no place on them, and no file or run has it.
        if x > 0 and (y > 0 or plane.y.more_is_better):
            points.append(
                Point(
                    rung=measurement.rung,
                    target=measurement.target,
                    family=family[measurement.target] if plane.within_cores else "",
                    x=x,
                    y=y,
                    valid=plane.x.holds(measurement) and plane.y.holds(measurement),
                    on_front=False,
                    sample=sample_text(measurement) if plane.y is ACCURACY else "",
                )
            )
    return _with_fronts(points, 1 if plane.y.more_is_better else -1)


def front_order(points: list[Point]) -> list[int]:
    """Indices of the points on a front, cheapest first: the order of their numbers.

    Families come one after the other, in the order of their first points.
    """
    families = list(dict.fromkeys(point.family for point in points))
    front = [index for index, point in enumerate(points) if point.on_front]
    return sorted(
        front,
        key=lambda index: (families.index(points[index].family), points[index].x, points[index].y),
    )


def _with_fronts(points: list[Point], sign: int) -> list[Point]:
    front: set[int] = set()
    for family in {point.family for point in points}:
        usable = [i for i, point in enumerate(points) if point.valid and point.family == family]
        best = pareto_front([(points[index].x, sign * points[index].y) for index in usable])
        front |= {usable[index] for index in best}
    return [replace(point, on_front=index in front) for index, point in enumerate(points)]


def point_text(point: Point, plane: Plane) -> str:
    """A point in words, its figures first."""
    sample = f" ({point.sample})" if point.sample else ""
    figures = f"{plane.y.text(point.y)}{sample} at {plane.x.text(point.x)}"
    invalid = "" if point.valid else " (invalid)"
    return f"{figures}: {point.rung} on {point.target}{invalid}"
