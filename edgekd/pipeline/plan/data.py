"""Stages that come first: data, views, and a trial of the networks."""

from __future__ import annotations

from typing import Any

from edgekd.pipeline.plan.outside import Outside
from edgekd.pipeline.plan.setup import Setup
from edgekd.pipeline.stage import Stage


def data_stages(setup: Setup) -> list[Stage]:
    """Read and split the data, render its views, try the networks out."""
    stages = [
        Stage(
            "data",
            "edgekd.pipeline.actions.prepare:prepare_data",
            {"data": _data_parameters(setup), "revision": setup.recipe.teacher.revision},
            reads={"data": setup.data_hash} | setup.tokenizers.reads,
            locations=setup.data_location | setup.tokenizers.locations,
            packages=("tokenizers",) if setup.recipe.data.text else (),
        )
    ]
    if setup.stored_views:
        stages += [_rendered(setup, role) for role in ("student", "teacher")]
    return [*stages, _trial(setup)]


def _data_parameters(setup: Setup) -> dict[str, Any]:
    """Of the data, without where its files lie."""
    return setup.recipe.data.model_dump(mode="json", exclude={"path": True, "text": {"of"}})


def _rendered(setup: Setup, role: str) -> Stage:
    front_end, text = setup.recipe.data.front_end, setup.recipe.data.text
    if text is not None:
        return Stage(
            f"views/{role}",
            "edgekd.pipeline.actions.tokens:render_text_views",
            {
                "role": role,
                "text": text.model_dump(mode="json", exclude={"of"}),
                "augmentation": setup.augmentation,
            },
            ("data",),
            packages=("tokenizers",),
        )
    assert front_end is not None
    return Stage(
        f"views/{role}",
        "edgekd.pipeline.actions.prepare:render_stored_views",
        {
            "role": role,
            "front_end": front_end.model_dump(mode="json"),
            "augmentation": setup.augmentation,
        },
        ("data",),
    )


def _trial(setup: Setup) -> Stage:
    teacher, distill = setup.recipe.teacher, setup.recipe.distill
    parameters = {
        "student": setup.student_network,
        "signals": [signal.model_dump(mode="json") for signal in distill.signals],
    }
    reads, locations = setup.student_file
    outside = Outside({"student": reads["network"]}, {"student": locations["network"]})
    if teacher.kind == "torch":
        parameters["teacher"] = teacher.model_dump(mode="json")
        outside |= setup.teacher_file(teacher, "teacher")
    return Stage(
        "networks",
        "edgekd.pipeline.actions.prepare:check_networks",
        parameters,
        ("data",),
        *outside,
        ("torch",),
    )
