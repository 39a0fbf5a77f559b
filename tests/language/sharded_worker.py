"""One of two processes that hold the halves of a teacher and of a student."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgekd.errors import RunFailed
from edgekd.language import training
from edgekd.language.answers import AnswerPlan, record_answers
from edgekd.language.batches import WindowBatches
from edgekd.language.evaluation import mean_nll
from edgekd.language.network import load_language_model
from edgekd.language.sharding import is_sharded, make_accelerator, place_teacher, team_of
from edgekd.language.tokens import Tokens, Windows
from edgekd.language.training import LanguageObjective, LanguageTraining, train_language_model


class Stopped(Exception):
    """A training that is killed half-way."""


def held(values: Any) -> int:
    """Numbers that this process holds."""
    parts = [v.to_local() if hasattr(v, "to_local") else v for v in values]
    return sum(part.numel() for part in parts)


def train(folder: Path, plan: LanguageTraining, name: str, stop_at: int | None = None) -> Any:
    windows = Windows(Tokens(folder / "tokens"), 16)
    teacher = load_language_model(folder / "teacher")
    student = load_language_model(folder / "student")
    sizes: dict[str, int] = {"whole": held(student.parameters())}

    def validate(model: nn.Module) -> float:
        sizes["student"] = held(model.parameters())
        sizes["teacher"] = held(teacher.parameters())
        assert is_sharded(model)
        assert is_sharded(teacher)
        return mean_nll(model, windows, 4)

    def progress(done: int, total: int) -> None:
        if done == stop_at:
            raise Stopped

    optimizers: list[Any] = []
    make = training._optimizer
    training._optimizer = lambda *given: optimizers.append(make(*given)) or optimizers[-1]  # type: ignore[func-returns-value]
    batches = WindowBatches(windows, 4, seed=0)
    objective = LanguageObjective(0.3, teacher=teacher)
    result = train_language_model(
        student, batches, objective, plan, validate, folder / name, progress
    )
    training._optimizer = make
    states = [v for state in optimizers[0].state.values() for k, v in state.items() if k != "step"]
    sizes["optimizer"] = held(states)
    curve = [point.model_dump() for point in result.curve]
    return {"curve": curve, "best_step": result.best_step, "sizes": sizes}


def record(folder: Path) -> str:
    """Let the teacher be asked; gives why one process alone may not ask it."""
    accelerator = make_accelerator("no")
    plan = AnswerPlan.model_validate_json((folder / "plan.json").read_text())
    teacher = place_teacher(load_language_model(folder / "teacher"), accelerator)
    windows = Windows(Tokens(folder / "tokens"), plan.context)
    # Of others than the first process the folder does not count.
    out = folder / ("together" if accelerator.is_main_process else "elsewhere")
    team = team_of(accelerator)
    for worker in (1, 0):
        record_answers(
            teacher, windows, plan, out, lambda *_: None,
            worker=worker, workers=2, batch_size=3, team=team,
        )  # fmt: skip
    try:
        record_answers(teacher, windows, plan, folder / "alone", lambda *_: None)
    except RunFailed as error:
        return str(error)
    return ""


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    refused = record(folder)
    plan = LanguageTraining(steps=6, learning_rate=3e-3, evaluate_every=3, identity="a")
    found = {"refused": refused, "no": train(folder, plan, "no")}
    try:
        train(folder, plan, "parts", stop_at=4)
    except Stopped:
        found["resumed"] = train(folder, plan, "parts")
    found["bf16"] = train(folder, replace(plan, mixed_precision="bf16"), "bf16")
    number = make_accelerator("no").process_index
    (folder / f"found-{number}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
