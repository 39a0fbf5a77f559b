"""What a count of instructions is: runs, and a histogram over addresses for each layer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from edgekd.devices.microcontroller.firmware.image import Image
from edgekd.errors import RunFailed

BEGIN = "edgekd_region_begin"
END = "edgekd_region_end"
LAYER_PREFIX = "model_layer_"
NO_LAYER = ""


@dataclass(frozen=True)
class Histogram:
    """What was executed, over all runs.

    Attributes:
        executed: address of an instruction to how often it was retired.
        taken: address of a jump to how often control went elsewhere than behind it.
    """

    executed: dict[int, int]
    taken: dict[int, int]

    @property
    def instructions(self) -> int:
        """Instructions retired."""
        return sum(self.executed.values())


@dataclass(frozen=True)
class Counts:
    """Instructions retired in the region.

    Attributes:
        runs: of each run, in order.
        layers: symbol of each layer's function to what ran from its entry to the next one's;
            ``NO_LAYER``: what ran before the first. They sum up to the runs.
        counted_by: how: ``TCG plugin``, or what stood in for it.
    """

    runs: tuple[int, ...]
    layers: dict[str, Histogram]
    counted_by: str

    @property
    def instructions(self) -> int:
        """Of one run: the mean, rounded."""
        return round(sum(self.runs) / len(self.runs))

    @property
    def histogram(self) -> Histogram:
        """Of all layers together."""
        executed: Counter[int] = Counter()
        taken: Counter[int] = Counter()
        for layer in self.layers.values():
            executed.update(layer.executed)
            taken.update(layer.taken)
        return Histogram(dict(executed), dict(taken))


def layer_names(image: Image) -> list[str]:
    """Symbols of the functions of layers, in order of address."""
    return [symbol.name for symbol in image.symbols if symbol.name.startswith(LAYER_PREFIX)]


def checked(counts: Counts, image: Image) -> Counts:
    """Counts whose histogram sums up to the runs.

    Raises:
        RunFailed: it does not, or the region never ran.
    """
    if not counts.runs:
        raise RunFailed("the measured region never ran", where=image.path.name)
    if counts.histogram.instructions != sum(counts.runs):
        raise RunFailed("the histogram does not sum up to the counts", where=image.path.name)
    return counts
