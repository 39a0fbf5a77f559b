"""Stages of the teacher: it is trained or loaded, and asked once about every view."""

from __future__ import annotations

from typing import Any

from edgekd.pipeline.plan.outside import Outside
from edgekd.pipeline.plan.packages import TRAINING, teacher_packages
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.stage import Stage
from edgekd.recipe import Teacher, tap_pairs

OUTPUTS = "teacher/outputs"
NETWORK = "teacher/network"
# Transformers are by far the longest stages, and what follows waits for them.
_TRANSFORMER_THREADS = 2


def teacher_stages(setup: Setup) -> list[Stage]:
    """Network and answers of a teacher; of several: of each, and what they say together."""
    members = setup.recipe.teacher.members
    if len(members) == 1:
        return _member_stages(setup, members[0], "teacher")
    bases = [f"teacher/members/{number}" for number in range(len(members))]
    stages = []
    for member, base in zip(members, bases, strict=True):
        stages += _member_stages(setup, member, base)
    parameters = {"members": bases, "weights": [member.weight for member in members]}
    for name, action in ((NETWORK, "combine_networks"), (OUTPUTS, "combine_answers")):
        part = name.rpartition("/")[2]
        if part == "network" or setup.recipe.distill.cache:
            needs = ("data", *(f"{base}/{part}" for base in bases))
            stages.append(Stage(name, f"edgekd.pipeline.actions.teach:{action}", parameters, needs))
    return stages


def live_teacher(setup: Setup) -> tuple[dict[str, Any], tuple[str, ...], Outside]:
    """Parameters, needs and files of a stage that asks the teacher itself."""
    members = setup.recipe.teacher.members
    single = len(members) == 1
    bases = [NETWORK if single else f"teacher/members/{i}/network" for i in range(len(members))]
    outside = Outside({}, {})
    for number, member in enumerate(members):
        outside |= setup.teacher_file(member, f"teacher-{number}")
    parameters = {
        "members": [
            {"teacher": member.model_dump(mode="json"), "network": base}
            for member, base in zip(members, bases, strict=True)
        ]
    }
    return parameters, tuple(bases), outside


def _member_stages(setup: Setup, member: Teacher, base: str) -> list[Stage]:
    network, outputs = f"{base}/network", f"{base}/outputs"
    views = ("views/teacher",) if setup.stored_views else ()
    file = setup.teacher_file(member)
    threads = _TRANSFORMER_THREADS if member.kind == "hugging-face" else 1
    shared = {
        "augmentation": setup.augmentation,
        "stored_views": setup.stored_views,
        "teacher": _parameters(member),
    }
    stages = [
        Stage(
            network,
            "edgekd.pipeline.actions.teach:"
            + ("train_teacher" if member.kind == "torch" or member.head else "load_teacher"),
            shared,
            ("data", *views) if member.trained_here else ("data",),
            *(file | setup.teacher_weights(member)),
            (*TRAINING, *teacher_packages(member)),
            distributed=member.trained_here,
            after=("networks",),
            threads=threads,
        )
    ]
    if setup.recipe.distill.cache:
        signals = [s.model_dump(mode="json") for s in setup.recipe.distill.signals if tap_pairs(s)]
        stages.append(
            Stage(
                outputs,
                "edgekd.pipeline.actions.teach:record_answers",
                {**shared, "network": network, "signals": signals},
                ("data", network, *(("views/student",) if setup.stored_views else ())),
                *file,
                ("torch", *teacher_packages(member)),
                threads=threads,
            )
        )
    return stages


def _parameters(member: Teacher) -> dict[str, Any]:
    """What of a teacher changes what it says; where its files lie does not."""
    return member.model_dump(mode="json", exclude={"weights", "weight", "ensemble"})
