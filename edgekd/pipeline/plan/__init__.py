"""The ladder as stages: which there are for a recipe, and what each reads."""

from __future__ import annotations

from collections.abc import Callable

from edgekd.pipeline.parts import Until
from edgekd.pipeline.plan.artifacts import export_stages, measurement_stages
from edgekd.pipeline.plan.data import data_stages
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.plan.students import arm_stages, compressed_stages, pruned_stages
from edgekd.pipeline.plan.teacher import teacher_stages
from edgekd.pipeline.stage import Stage

_PARTS: dict[Until, tuple[Callable[[Setup], list[Stage]], ...]] = {
    "distill": (data_stages, teacher_stages, arm_stages),
    "quantize": (pruned_stages, compressed_stages),
    "export": (export_stages,),
    "bench": (measurement_stages,),
}


def plan_stages(setup: Setup, until: Until = "bench") -> list[Stage]:
    """Every stage up to and including a part of the ladder; needs come first."""
    stages: list[Stage] = []
    for part, makers in _PARTS.items():
        for make in makers:
            stages += make(setup)
        if part == until:
            break
    return stages
