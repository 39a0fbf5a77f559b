"""What the figures of a run rest on, in words and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekd.data.dataset import Dataset
from edgekd.files import read_json
from edgekd.recipe import Recipe, Section, Teacher


def teacher_labels(recipe: Recipe, dataset: Dataset) -> str:
    """Which labels the teacher saw, as the end of a sentence."""
    seen = len(dataset.labelled)
    labelled = int((dataset.part_labels("train") >= 0).sum())
    foreign = [member for member in recipe.teacher.members if not member.trained_here]
    if foreign:
        return f"labels that are not known: {', '.join(_origin(member) for member in foreign)}"
    if dataset.task == "anomaly-detection":
        return f"no labels: it was trained on the same {seen} normal samples as the student"
    same = all(member.labels == "same" for member in recipe.teacher.members)
    if same or labelled == seen:
        return f"the same {seen} as the student"
    return (
        f"all {labelled} training labels, where the student and its control saw {seen}: part of"
        " the gain is what the teacher knows from the others"
    )


def run_facts(recipe: Recipe, path: Path, selection: dict[str, Any]) -> dict[str, Any]:
    """The ``facts`` of a report.

    Args:
        recipe: of the run.
        path: run folder.
        selection: which seed is exported.
    """
    chosen = {
        arm: read_json(path / "tuning" / arm / "choice" / "choice.json")
        for arm in ("scratch", "distilled")
    }
    return {
        "data": read_json(path / "data" / "facts.json"),
        "networks": read_json(path / "networks" / "networks.json"),
        "distillation": _said(recipe.distill),
        "teacher": _said(recipe.teacher),
        **({"pruning": _said(recipe.prune)} if recipe.prune else {}),
        "learning_rates": {
            arm: {
                "chosen": choice["chosen"]["learning_rate"],
                "validation_accuracy_by_rate": {
                    f"{c['learning_rate']:g}": c["accuracy"] for c in choice["candidates"]
                },
                "chosen_on": f"validation data, seed {recipe.seeds[0]}",
            }
            for arm, choice in chosen.items()
        },
        "exported_seed": selection["seed"],
        "exported_seed_chosen_on": "validation accuracy of distilled-fp32",
        "teacher_outputs": _teacher_outputs(recipe),
        "accuracy_of_rungs": "in torch, every seed; of measurements: the exported file",
    }


def _said(section: Section) -> dict[str, Any]:
    """A part of the recipe without what is empty in it."""
    dump = section.model_dump(mode="json", exclude_none=True)
    return {key: value for key, value in dump.items() if value not in ({}, [])}


def _teacher_outputs(recipe: Recipe) -> dict[str, Any]:
    if not recipe.distill.cache:
        return {"computed": "anew at every training step"}
    trainings = len(recipe.distill.learning_rates) + len(recipe.seeds) - 1
    aware = [p for p in recipe.compress.precisions if p in ("int8-qat", "int4")]
    healed = len(recipe.seeds) if recipe.prune else 0
    return {
        "computed": "once for every view of every training sample",
        "used_by_trainings": trainings + healed + len(aware) * len(recipe.seeds),
    }


def _origin(member: Teacher) -> str:
    if member.kind == "torch":
        return f"its weights were loaded from {Path(member.weights or '').name}"
    kind = {"recorded": "recorded answers", "hugging-face": "Hugging Face"}.get(
        member.kind, member.kind
    )
    return f"it came from elsewhere ({kind}: {Path(member.path or '').name})"
