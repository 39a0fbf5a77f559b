"""Stages that export each rung for each target, check the file and measure it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from edgekd.devices.fingerprint import device_fingerprint
from edgekd.pipeline.plan.ladder import RungPlan, rungs_of
from edgekd.pipeline.plan.packages import EXPORTING, RUNNING
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.stage import Stage
from edgekd.records import Precision
from edgekd.target import Target

_SILENT = {"budget", "description", "packages"}


def cells_of(setup: Setup) -> list[tuple[RungPlan, Target]]:
    """Every (rung, target) pair, those included that cannot be made."""
    return [(rung, target) for target in setup.targets for rung in rungs_of(setup.recipe)]


def unavailable_reason(setup: Setup, rung: RungPlan, target: Target) -> str | None:
    """Why a cell is not even tried."""
    if rung.precision not in target.precisions:
        return f"the target {target.name} does not list {rung.precision}"
    teacher = setup.recipe.teacher
    if rung.role == "teacher" and teacher.ensemble:
        return f"the teacher is an ensemble of {len(teacher.members)}: there is no one file of it"
    if rung.role == "teacher" and not teacher.is_module:
        return f"the teacher is no torch module (kind {teacher.kind}): nothing can be exported"
    return None


def export_stages(setup: Setup) -> list[Stage]:
    """One stage for each cell that can be tried."""
    return [
        _export(setup, rung, target)
        for rung, target in cells_of(setup)
        if unavailable_reason(setup, rung, target) is None
    ]


def measurement_stages(setup: Setup) -> list[Stage]:
    """A check and a measurement for each exported file."""
    stages = []
    for rung, target in cells_of(setup):
        if unavailable_reason(setup, rung, target) is not None:
            continue
        cell = f"{target.name}/{rung.name}"
        parameters: dict[str, Any] = {
            "seeds": rung.seeds,
            "artifact": f"artifacts/{cell}",
            "of_teacher": rung.role == "teacher",
            "target": _target_parameters(target, rung.precision),
        }
        if target.accuracy_samples is not None:
            # The same samples for every rung, whatever seed it was trained with.
            parameters["draw_seed"] = setup.recipe.seeds[0]
        needs = ("data", f"artifacts/{cell}", *rung.seeds.values(), "selection")
        for name, action, alone in (
            (f"checks/{cell}", "check_rung", False),
            (f"speed/{cell}", "measure_rung", True),
        ):
            stages.append(
                Stage(
                    name,
                    f"edgekd.pipeline.actions.measure:{action}",
                    {**parameters, "stage": name},
                    needs,
                    reads=device_fingerprint(target),
                    packages=RUNNING[target.format],
                    alone=alone,
                )
            )
    return stages


def _export(setup: Setup, rung: RungPlan, target: Target) -> Stage:
    teacher = setup.recipe.teacher
    is_teacher = rung.role == "teacher"
    front_end = setup.recipe.data.front_end
    return Stage(
        f"artifacts/{target.name}/{rung.name}",
        "edgekd.pipeline.actions.artifacts:export_rung",
        {
            "recipe": setup.name,
            "rung": rung.name,
            "precision": rung.precision,
            "seeds": rung.seeds,
            "target": _target_parameters(target, rung.precision, {"arm64", "android"}),
            "student": None if is_teacher else setup.student_network,
            "teacher": teacher.model_dump(mode="json") if is_teacher else None,
            "calibration_samples": setup.recipe.compress.calibration_samples,
            "front_end": front_end.model_dump(mode="json") if front_end else None,
        },
        ("data", *rung.seeds.values(), "selection"),
        *(setup.teacher_file(teacher) if is_teacher else setup.student_file),
        EXPORTING[target.format],
    )


def _target_parameters(
    target: Target, precision: Precision, without: AbstractSet[str] = frozenset()
) -> dict[str, Any]:
    """What of a target changes an artifact or its measurement.

    A microcontroller's library is planned for its RAM and linked to its budget.
    """
    silent = {"description", "packages"} if target.format == "c" else _SILENT
    dump = target.model_dump(mode="json", exclude={*silent, *without})
    return {**dump, "precisions": [precision]}
