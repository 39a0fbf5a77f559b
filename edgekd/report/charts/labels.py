"""Where to write the labels of a scatter chart so that none covers another label or a marker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# Pixels between a marker's centre and its label, nearest first; far ones get a leader line.
_DISTANCES = (8.0, 15.0, 24.0, 36.0)
# Up and to the left first: nothing can lie there when the marker is on a Pareto front.
_DIRECTIONS = ((0, 1), (-1, 1), (-1, 0), (1, 1), (1, 0), (0, -1), (1, -1), (-1, -1))


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Whether the two share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def inside(self, other: Box) -> bool:
        """Whether this lies wholly in the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )


def place_labels(
    anchors: list[tuple[float, float]],
    sizes: list[tuple[float, float]],
    obstacles: list[Box],
    area: Box,
) -> list[Box | None]:
    """A place for each label: the nearest free one of eight directions.

    Args:
        anchors: centre of each label's marker, pixels.
        sizes: width and height of each label, pixels.
        obstacles: what no label may cover, the markers among it.
        area: what every label must lie in.

    Returns:
        A box for each label, or None where no free place is near: a chart with a missing label
        reads better than one with two on top of each other.
    """
    taken = list(obstacles)
    places: list[Box | None] = []
    for anchor, size in zip(anchors, sizes, strict=True):
        free = (
            box
            for box in _candidates(anchor, size)
            if box.inside(area) and not any(box.overlaps(other) for other in taken)
        )
        place = next(free, None)
        places.append(place)
        if place is not None:
            taken.append(place)
    return places


def _candidates(anchor: tuple[float, float], size: tuple[float, float]) -> Iterator[Box]:
    (x, y), (width, height) = anchor, size
    for distance in _DISTANCES:
        for across, up in _DIRECTIONS:
            # A diagonal label starts at its corner; a straight one is centred on the other axis.
            left = x + across * distance - width * (1 - across) / 2
            bottom = y + up * distance - height * (1 - up) / 2
            yield Box(left, bottom, left + width, bottom + height)
