"""The folders that the stages of a language model leave, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from edgekd.errors import RunFailed
from edgekd.files import write_json
from edgekd.language.record_file import read_record
from edgekd.records import Precision, Record
from edgekd.records.language import LanguageScore

if TYPE_CHECKING:
    from edgekd.language.checkpoints import CurvePoint
    from edgekd.language.evaluation import Scored
    from edgekd.language.network import CausalLanguageModel

TRAIN, VALIDATION, TEST = PARTS = ("train", "validation", "test")
TOKENIZER = "tokenizer.json"
TOKEN_MAP = "token_map.safetensors"
MODEL = "model"

_SCORED = ("counts", "nll", "correct", "agreed")


class CorpusFacts(Record):
    """``corpus.json``: what the text became.

    Attributes:
        tokens: of each part.
        test_bytes: of the test text.
        teacher_vocabulary: tokens of the teacher.
        vocabulary: tokens of the student.
        alignment: how the two were brought together.
        end_tokens: after any of these an answer is over.
    """

    tokens: dict[str, int]
    test_bytes: int
    teacher_vocabulary: int
    vocabulary: int
    alignment: str
    end_tokens: list[int]


class LanguageRungFacts(Record):
    """``rung.json``.

    Attributes:
        parameters: each shared one counted once.
        bytes: of the weights at this precision, embedding and output layer each with its own.
        scheme: the precision in words.
        score: on the test text, in torch.
        best_step: after which the weights were best on the validation text; null: not trained.
        steps: of the training; null likewise.
        curve: (step, nats a token) on the validation text.
    """

    precision: Precision
    parameters: int
    bytes: int
    scheme: str
    score: LanguageScore
    best_step: int | None = None
    steps: int | None = None
    curve: list[tuple[int, float]] = Field(default_factory=list)


def curve_of(points: list[CurvePoint]) -> list[tuple[int, float]]:
    """A training's looks at the validation text."""
    return [(point.step, point.validation_nll) for point in points]


def save_rung(
    folder: Path, model: CausalLanguageModel, scored: Scored, facts: LanguageRungFacts
) -> None:
    """Write a rung's model, what it scored on each window, and its facts."""
    from safetensors.numpy import save_file

    from edgekd.language.network import save_language_model

    save_language_model(model, folder / MODEL)
    arrays = {name: getattr(scored, name) for name in _SCORED}
    known = {name: np.ascontiguousarray(a) for name, a in arrays.items() if a is not None}
    save_file(known, folder / "scores.safetensors")
    write_json(folder / "rung.json", facts.model_dump(mode="json"))


def read_facts(folder: Path) -> LanguageRungFacts:
    """Read ``rung.json``."""
    return read_record(folder / "rung.json", LanguageRungFacts)


def read_scored(folder: Path) -> Scored:
    """Read what a rung scored on each window.

    Raises:
        RunFailed: the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from edgekd.language.evaluation import Scored

    try:
        arrays = load_file(folder / "scores.safetensors")
        return Scored(arrays["counts"], arrays["nll"], arrays["correct"], arrays.get("agreed"))
    except (SafetensorError, KeyError, OSError) as error:
        raise RunFailed("the stored scores are damaged", where=str(folder)) from error


def read_corpus_facts(folder: Path) -> CorpusFacts:
    """Read ``corpus.json``."""
    return read_record(folder / "corpus.json", CorpusFacts)
