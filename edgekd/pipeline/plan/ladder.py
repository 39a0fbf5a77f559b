"""The rungs that a recipe asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgekd.recipe import Recipe
from edgekd.records import Precision


@dataclass(frozen=True)
class RungPlan:
    """One rung: its precision, what it comes from, and its stage at each seed.

    Attributes:
        base: the fp32 rung that it is a compressed form of; itself, where it is one.
    """

    name: str
    precision: Precision
    role: Literal["teacher", "student"]
    base: str
    seeds: dict[str, str]


def rungs_of(recipe: Recipe) -> list[RungPlan]:
    """The ladder, top down."""
    teacher = {str(recipe.teacher.seed): "teacher/network"}
    rungs = [
        RungPlan("teacher-fp32", "fp32", "teacher", "teacher-fp32", teacher),
        _student(recipe, "scratch", "fp32"),
        _student(recipe, "distilled", "fp32"),
    ]
    if recipe.prune is not None:
        rungs.append(_student(recipe, "pruned", "fp32"))
    rungs += [_student(recipe, "distilled", p) for p in recipe.compress.precisions]
    if recipe.prune is not None:
        rungs += [_student(recipe, "pruned", p) for p in recipe.prune.precisions]
    return rungs


def _student(recipe: Recipe, arm: str, precision: Precision) -> RungPlan:
    name = f"{arm}-{precision}"
    seeds = {str(seed): f"rungs/{name}/seed-{seed}" for seed in recipe.seeds}
    return RungPlan(name, precision, "student", f"{arm}-fp32", seeds)
