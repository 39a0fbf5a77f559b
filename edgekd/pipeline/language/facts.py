"""What the figures of a language model's run rest on, in words and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekd.files import read_json
from edgekd.pipeline.language.files import read_corpus_facts, read_facts
from edgekd.pipeline.language.plan import ANSWERS, CORPUS, language_rungs
from edgekd.pipeline.language.setup import LanguageSetup
from edgekd.records.language import GapClosed


def language_facts(setup: LanguageSetup, path: Path, gap: GapClosed | None) -> dict[str, Any]:
    """The ``facts`` of a report."""
    recipe = setup.recipe
    facts: dict[str, Any] = {
        "data": {
            "source": recipe.corpus.source,
            "task": recipe.task,
            "split": "by position",
            "context": recipe.corpus.context,
            **read_corpus_facts(path / CORPUS).model_dump(mode="json"),
        },
        "teacher": recipe.teacher.model_dump(mode="json", exclude_none=True),
        "distillation": recipe.distill.model_dump(mode="json", exclude_none=True),
        "training": {rung.name: _training(path / rung.stage) for rung in language_rungs(setup)},
        "accuracy_of_rungs": "next tokens of the test text, in torch; of measurements: the"
        " exported file, on the beginning of the same text",
    }
    if gap is not None:
        facts["gap_closed"] = gap.model_dump(mode="json")
    answers = path / ANSWERS
    if answers.exists():
        facts["teacher_outputs"] = _kept(answers)
    return facts


def _training(folder: Path) -> dict[str, Any]:
    facts = read_facts(folder)
    return {"steps": facts.steps, "best_step": facts.best_step, "validation_nll": facts.curve}


def _kept(folder: Path) -> dict[str, Any]:
    from edgekd.language.answers import AnswerPlan

    plan = AnswerPlan.model_validate(read_json(folder / "answers.json")["plan"])
    return {
        "logits_of_each_token": plan.k,
        "samples_of_the_others": plan.samples,
        "of": plan.vocabulary,
        "bytes": plan.cache_bytes(),
        "bytes_of_all_logits_in_float16": plan.full_bytes(),
        "share_of_all_logits": plan.cache_bytes() / plan.full_bytes(),
    }
