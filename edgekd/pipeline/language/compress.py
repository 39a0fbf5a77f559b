"""Stage actions that make the compressed rungs of a language model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgekd.pipeline.language.files import MODEL
from edgekd.pipeline.language.scoring import score_and_save
from edgekd.pipeline.language.training import lesson_of, train
from edgekd.pipeline.stage import StageContext
from edgekd.recipe.language import LanguageDistill

if TYPE_CHECKING:
    from edgekd.language.network import CausalLanguageModel

_SCHEMES = {
    "int8": "int8 weights per channel, int8 embedding, activations int8 at run time",
    "int4": (
        "int4 weights in groups of 32, int8 embedding and output layer, "
        "activations int8 at run time"
    ),
}


def quantize_after_training(context: StageContext) -> None:
    """Quantize the base rung as it is."""
    from edgekd.language.quantized import finish_quantized, quantized_reference

    precision = context.parameters["precision"]
    quantized = quantized_reference(_base(context), precision)
    score_and_save(
        context,
        finish_quantized(quantized),
        is_teacher=False,
        precision=precision,
        scheme=_SCHEMES[precision],
        scored_model=quantized,
        base=context.parameters["base"],
    )


def train_quantized(context: StageContext) -> None:
    """Train the distilled student on as if it were quantized, taught by the same teacher."""
    from edgekd.language.quantized import (
        finish_quantized,
        prepare_quantized,
        quantized_reference,
    )

    precision = context.parameters["precision"]
    distill = LanguageDistill.model_validate(context.parameters["distill"])
    steps = int(context.parameters["steps"])
    prepared = prepare_quantized(_base(context), precision)
    batches, objective = lesson_of(context, distill, prepared, taught=True)
    trained = train(
        context,
        prepared,
        batches,
        objective,
        steps=steps,
        learning_rate=float(context.parameters["learning_rate"]),
        weight_decay=0.0,
        evaluate_every=max(1, steps // 3),
        finish=finish_quantized,
    )
    model = trained.model
    score_and_save(
        context,
        model,
        is_teacher=False,
        precision=precision,
        scheme=_SCHEMES[precision],
        scored_model=quantized_reference(model, precision),
        trained=trained,
        steps=steps,
        base=context.parameters["base"],
    )


def _base(context: StageContext) -> CausalLanguageModel:
    from edgekd.language.network import load_language_model

    return load_language_model(context.folder(context.parameters["base"]) / MODEL)
