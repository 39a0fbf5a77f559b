"""When a kernel's output may lie over its own input."""

from __future__ import annotations

from edgekd.export.c.graph import Tensor, Window
from edgekd.export.c.step import Overlay


def window_overlay(source: Tensor, output: Tensor, window: Window) -> Overlay:
    """Of a kernel that writes an image pixel by pixel, upwards, and reads windows of another.

    All channels of an output pixel are written while its window is still read. The distance is
    worked out pixel by pixel from the first input byte that this or a later pixel needs.
    """
    _, _, width, channels = source.shape
    _, output_height, output_width, output_channels = output.shape

    def first(position: int, axis: int, padding: int) -> int:
        return max(0, position * window.stride[axis] - padding)

    distance = 0
    for y in range(output_height):
        row = first(y, 0, window.padding.top)
        # Beyond the last row nothing is needed, so any large number will do.
        below = first(y + 1, 0, window.padding.top) if y + 1 < output_height else 1 << 30
        for x in range(output_width):
            needed = row * width + first(x, 1, window.padding.left)
            needed = min(needed, below * width) * channels
            written = (y * output_width + x + 1) * output_channels
            distance = max(distance, written - needed)
    return Overlay(distance)


IN_PLACE = Overlay(0)
