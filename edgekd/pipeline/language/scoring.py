"""What every rung of a language model is asked: the test text, by the same windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.pipeline.language.files import (
    MODEL,
    TEST,
    TRAIN,
    VALIDATION,
    LanguageRungFacts,
    read_corpus_facts,
    read_facts,
    save_rung,
)
from edgekd.pipeline.language.plan import CORPUS, TEACHER
from edgekd.pipeline.stage import StageContext
from edgekd.records import Precision

if TYPE_CHECKING:
    from torch import nn

    from edgekd.language.network import CausalLanguageModel
    from edgekd.language.tokens import Windows
    from edgekd.language.training import TrainedLanguageModel, Validate

# Enough windows to tell two checkpoints apart.
_VALIDATION_WINDOWS = 48


def training_windows(context: StageContext) -> Windows:
    """Windows of the training text."""
    return _windows(context, TRAIN)


def validation(context: StageContext) -> Validate:
    """The loss on the validation text, nats a token."""
    from edgekd.language.evaluation import mean_nll

    windows = _windows(context, VALIDATION)
    return lambda model: mean_nll(model, windows, _VALIDATION_WINDOWS)


def teacher_of(context: StageContext) -> CausalLanguageModel:
    """The teacher as it teaches."""
    from edgekd.language.network import load_language_model

    return load_language_model(context.folder(TEACHER) / MODEL)


def score_and_save(
    context: StageContext,
    model: CausalLanguageModel,
    *,
    is_teacher: bool,
    precision: Precision,
    scheme: str,
    scored_model: nn.Module | None = None,
    trained: TrainedLanguageModel | None = None,
    steps: int | None = None,
    base: str | None = None,
) -> None:
    """Score a rung on the test text and write it.

    Args:
        context: of the stage.
        model: float weights, which are kept.
        is_teacher: it is not held against itself.
        precision: of the rung.
        scheme: in words.
        scored_model: what computes as the rung does, where that is not ``model``.
        trained: how it was trained; null: not at all.
        steps: of that training.
        base: stage of the rung that this one is a compressed form of; its parameters are the same.
    """
    from edgekd.language.evaluation import score_windows, summarize
    from edgekd.language.tokens import Tokens
    from edgekd.pipeline.language.files import curve_of

    tokens = Tokens(context.folder(CORPUS) / TEST)
    length, most = int(context.parameters["context"]), context.parameters["test_windows"]
    scored = score_windows(
        scored_model or model,
        tokens,
        context.progress,
        context=length,
        stride=length,
        teacher=None if is_teacher else teacher_of(context),
        max_windows=most,
    )
    whole = int(scored.counts.sum()) == len(tokens) - 1
    score = summarize(
        scored, read_corpus_facts(context.folder(CORPUS)).test_bytes if whole else None
    )
    facts = LanguageRungFacts(
        precision=precision,
        parameters=(
            parameters_of(model) if base is None else read_facts(context.folder(base)).parameters
        ),
        bytes=weight_bytes(model, precision),
        scheme=scheme,
        score=score,
        best_step=None if trained is None else trained.best_step,
        steps=steps,
        curve=[] if trained is None else curve_of(trained.curve),
    )
    save_rung(context.out, model, scored, facts)


def parameters_of(model: nn.Module) -> int:
    """Parameters; one that two layers share counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def weight_bytes(model: CausalLanguageModel, precision: Precision) -> int:
    """Bytes of the weights at a precision, without scales; norms stay in float32.

    At int4 embedding and output layer have int8 rows.
    """
    bits = {"fp32": 32, "fp16": 16, "int8": 8, "int4": 4}[precision]
    total = 0
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            total += parameter.numel() * 4
        else:
            own = bits if name.startswith("layers.") else max(bits, 8)
            total += parameter.numel() * own // 8
    return total


def calibration(context: StageContext, windows: int = 16) -> list[Any]:
    """Windows of the training text, evenly spread, int64 ``[1, T]`` each."""
    import torch

    source = training_windows(context)
    rows = source.read(spread_windows(source, windows))[:, :-1]
    return [torch.from_numpy(row[None]) for row in rows]


def spread_windows(windows: Windows, most: int) -> npt.NDArray[np.int64]:
    """Numbers of windows evenly spread over a text."""
    places = np.linspace(0, windows.count - 1, min(most, windows.count))
    return np.unique(places.astype(np.int64))


def checkpoint_folder(context: StageContext) -> Path:
    """A folder that outlives a stage that was killed, so that its training goes on.

    Each stage has one: what a training of an older recipe left there, the next one replaces.
    """
    return context.run / ".checkpoints" / context.out.name


def _windows(context: StageContext, part: str) -> Windows:
    from edgekd.language.tokens import Tokens, Windows

    return Windows(Tokens(context.folder(CORPUS) / part), int(context.parameters["context"]))
