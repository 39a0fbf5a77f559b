"""Stages of the students: both arms, the choice among them, pruned and compressed ones."""

from __future__ import annotations

from typing import Any

from edgekd.pipeline.plan.ladder import RungPlan, rungs_of
from edgekd.pipeline.plan.outside import Outside
from edgekd.pipeline.plan.packages import PRUNING, QUANTIZING, TRAINING
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.plan.teacher import OUTPUTS, live_teacher
from edgekd.pipeline.stage import Stage

# A control does not read these: changing one must not train it again.
_OF_THE_TEACHER = ("temperature", "alpha", "signals", "cache")


def arm_stages(setup: Setup) -> list[Stage]:
    """Both arms: each rate of learning on the first seed, the choice, the other seeds."""
    stages = []
    for arm in ("scratch", "distilled"):
        candidates = {
            f"tuning/{arm}/rate-{rate:g}": rate for rate in setup.recipe.distill.learning_rates
        }
        choice = f"tuning/{arm}/choice"
        first, *others = setup.recipe.seeds
        for name, rate in candidates.items():
            stages.append(_training(setup, name, arm, first, rate, None))
        stages.append(
            Stage(
                choice,
                "edgekd.pipeline.actions.train:choose_learning_rate",
                {"candidates": candidates},
                tuple(candidates),
            )
        )
        stages.append(
            Stage(
                f"rungs/{arm}-fp32/seed-{first}",
                "edgekd.pipeline.actions.train:adopt_tuned",
                {"choice": choice},
                (choice, *candidates),
            )
        )
        for seed in others:
            name = f"rungs/{arm}-fp32/seed-{seed}"
            stages.append(_training(setup, name, arm, seed, None, choice))
    return [*stages, _selection(setup)]


def pruned_stages(setup: Setup) -> list[Stage]:
    """The pruned fp32 rung, if the recipe has one."""
    prune = setup.recipe.prune
    if prune is None:
        return []
    taught, needs, outside = _taught(setup, "distilled")
    stages = []
    for rung in rungs_of(setup.recipe):
        if rung.name != "pruned-fp32":
            continue
        for seed, name in rung.seeds.items():
            base = f"rungs/distilled-fp32/seed-{seed}"
            stages.append(
                Stage(
                    name,
                    "edgekd.pipeline.actions.prune:prune_student",
                    {
                        **taught,
                        "seed": int(seed),
                        "base": base,
                        "prune": prune.model_dump(mode="json", exclude={"precisions"}),
                        "student": setup.student_network,
                    },
                    (*needs, base),
                    *(setup.student_file | outside),
                    PRUNING,
                    distributed=True,
                )
            )
    return stages


def compressed_stages(setup: Setup) -> list[Stage]:
    """Every rung at a lower precision than fp32."""
    return [
        _compressed(setup, rung, int(seed), name)
        for rung in rungs_of(setup.recipe)
        if rung.precision != "fp32"
        for seed, name in rung.seeds.items()
    ]


def _taught(setup: Setup, arm: str) -> tuple[dict[str, Any], tuple[str, ...], Outside]:
    """Parameters, needs and files of every stage that trains a student."""
    distill = setup.recipe.distill.model_dump(mode="json", exclude={"learning_rates"})
    if arm == "scratch":
        distill = {k: v for k, v in distill.items() if k not in _OF_THE_TEACHER}
    parameters: dict[str, Any] = {
        "arm": arm,
        "distill": distill,
        "augmentation": setup.augmentation,
        "stored_views": setup.stored_views,
    }
    needs: tuple[str, ...] = ("data",)
    needs += ("views/student",) if setup.stored_views else ()
    outside = Outside({}, {})
    if arm == "distilled" and setup.recipe.distill.cache:
        needs += (OUTPUTS,)
    elif arm == "distilled":
        live, networks, outside = live_teacher(setup)
        parameters |= {"live": live}
        needs += networks
    return parameters, needs, outside


def _training(
    setup: Setup, name: str, arm: str, seed: int, rate: float | None, choice: str | None
) -> Stage:
    taught, needs, outside = _taught(setup, arm)
    return Stage(
        name,
        "edgekd.pipeline.actions.train:train_arm",
        {
            **taught,
            "seed": seed,
            "learning_rate": rate,
            "choice": choice,
            "may_diverge": rate is not None,
            "student": setup.student_network,
        },
        needs + ((choice,) if choice else ()),
        *(setup.student_file | outside),
        TRAINING,
        distributed=True,
        after=("networks",),
    )


def _selection(setup: Setup) -> Stage:
    seeds = {str(seed): f"rungs/distilled-fp32/seed-{seed}" for seed in setup.recipe.seeds}
    return Stage(
        "selection",
        "edgekd.pipeline.actions.train:choose_seed",
        {"students": seeds},
        tuple(seeds.values()),
    )


def _compressed(setup: Setup, rung: RungPlan, seed: int, name: str) -> Stage:
    compress = setup.recipe.compress
    aware = {"int8-qat": compress.int8_qat, "int4": compress.int4}.get(rung.precision)
    base = f"rungs/{rung.base}/seed-{seed}"
    parameters: dict[str, Any] = {
        "precision": rung.precision,
        "base": base,
        "student": setup.student_network,
        "calibration_samples": compress.calibration_samples,
    }
    needs: tuple[str, ...] = ("data", base)
    files = setup.student_file
    if aware is not None:
        taught, more, outside = _taught(setup, "distilled")
        parameters |= {**taught, "seed": seed, "training": aware.model_dump(mode="json")}
        needs = (*more, base)
        files |= outside
    return Stage(
        name,
        "edgekd.pipeline.actions.compress:"
        + ("quantize_after_training" if aware is None else "train_quantized"),
        parameters,
        needs,
        *files,
        QUANTIZING,
        distributed=aware is not None,
    )
