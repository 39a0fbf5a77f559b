"""Stage actions that ask the teacher about every token once, in several processes at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edgekd.files import sha256_of
from edgekd.pipeline.language.files import MODEL, read_corpus_facts
from edgekd.pipeline.language.plan import CORPUS, TEACHER
from edgekd.pipeline.language.scoring import teacher_of, training_windows
from edgekd.pipeline.stage import StageContext

if TYPE_CHECKING:
    from edgekd.language.answers import AnswerPlan
    from edgekd.language.tokens import Windows


def record_part(context: StageContext) -> None:
    """Write this worker's shards; under a launcher all of its processes are this worker."""
    from edgekd.language.answers import record_answers
    from edgekd.language.sharding import make_accelerator, place_teacher, team_of

    windows = training_windows(context)
    accelerator = make_accelerator(context.parameters["mixed_precision"])
    teacher = place_teacher(teacher_of(context), accelerator)
    with accelerator.autocast():
        record_answers(
            teacher,
            windows,
            _plan(context, windows),
            context.out,
            context.progress,
            worker=int(context.parameters["worker"]),
            workers=int(context.parameters["workers"]),
            team=team_of(accelerator),
        )


def join_parts(context: StageContext) -> None:
    """Bring the shards of all workers together, and check them by their hashes."""
    from edgekd.language.answers import Answers, finish_answers

    for part in context.parameters["parts"]:
        for file in context.folder(part).iterdir():
            # The same bytes on the disk; nothing of a stage that is done is ever written to.
            os.link(file, context.out / file.name)
    finish_answers(_plan(context, training_windows(context)), context.out)
    Answers(context.out)


def _plan(context: StageContext, windows: Windows) -> AnswerPlan:
    from edgekd.language.answers import AnswerPlan

    return AnswerPlan(
        teacher=sha256_of(context.folder(TEACHER) / MODEL / "model.safetensors"),
        corpus=windows.tokens.identity,
        vocabulary=read_corpus_facts(context.folder(CORPUS)).vocabulary,
        windows=windows.count,
        context=windows.context,
        k=int(context.parameters["top_k"]),
        samples=int(context.parameters["tail_samples"]),
        temperature=float(context.parameters["temperature"]),
    )
