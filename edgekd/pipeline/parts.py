"""The parts of the ladder that a run can stop after."""

from typing import Literal

Until = Literal["distill", "quantize", "export", "bench"]
