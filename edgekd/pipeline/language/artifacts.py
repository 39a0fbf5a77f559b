"""Stage actions on exported language models: made, checked against torch, timed or counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from pydantic import Field

from edgekd.errors import BadInput, RunFailed, Unavailable
from edgekd.files import read_json, write_json
from edgekd.measure.parity import Stage as ChainStep
from edgekd.measure.parity import how_far, parity_chain
from edgekd.pipeline.cells import UNAVAILABLE
from edgekd.pipeline.language.files import (
    MODEL,
    TEST,
    TOKEN_MAP,
    TOKENIZER,
    read_corpus_facts,
)
from edgekd.pipeline.language.plan import CORPUS
from edgekd.pipeline.stage import StageContext
from edgekd.recipe.language import GenerationSettings
from edgekd.records import (
    ArtifactScore,
    CountedGeneration,
    Generation,
    GreedyComparison,
    Memory,
    Parity,
    Precision,
    Profile,
    Record,
)
from edgekd.target import Target

if TYPE_CHECKING:
    from edgekd.language.decoding.contract import LanguageFormat, Logits, TokenDecoder
    from edgekd.language.export.contract import ExportedDecoder
    from edgekd.language.network import CausalLanguageModel

CHECK, SPEED = "check.json", "speed.json"
_GREEDY_PROMPTS = 3
_PROMPT_TOKENS = 16

Exporter = Callable[["CausalLanguageModel", Precision, int, Path], "ExportedDecoder"]


class LanguageCheck(Record):
    """``check.json``: correctness of one artifact."""

    score: ArtifactScore | None = None
    parity: Parity | None = None
    failures: list[str] = Field(default_factory=list)


class LanguageSpeed(Record):
    """``speed.json``: cost of one artifact. ``reasons`` says why the figures are invalid."""

    reasons: list[str] = Field(default_factory=list)
    generation: Generation | None = None
    counted: CountedGeneration | None = None
    memory: Memory = Memory()
    profile: Profile | None = None


def export_rung(context: StageContext) -> None:
    """Export, or write down why this format cannot hold this precision."""
    from edgekd.language.export.bundle import DecoderDescription, write_decoder_bundle

    target = Target.model_validate(context.parameters["target"])
    precision: Precision = context.parameters["precision"]
    length = int(context.parameters["cache_length"])
    model, corpus = _model(context), context.folder(CORPUS)
    try:
        exported = _exporter(target)(model, precision, length, context.out)
    except Unavailable as error:
        write_json(context.out / UNAVAILABLE, {"reason": str(error)})
        return
    token_map = corpus / TOKEN_MAP
    write_decoder_bundle(
        exported,
        cast("LanguageFormat", target.format),
        precision,
        DecoderDescription(
            name=str(context.parameters["recipe"]),
            rung=str(context.parameters["rung"]),
            vocabulary=model.architecture.vocabulary,
            cache_length=length,
            end_tokens=read_corpus_facts(corpus).end_tokens,
            tokenizer=corpus / TOKENIZER,
            token_map=token_map if token_map.exists() else None,
        ),
    )


def check_rung(context: StageContext) -> None:
    """Predict test text with the artifact and with torch; answer greedily with both."""
    from edgekd.language.decoding.comparison import compare_greedy
    from edgekd.language.decoding.contract import open_decoder
    from edgekd.language.decoding.torch_decoder import TorchDecoder

    folder = context.folder(context.parameters["artifact"])
    if (folder / UNAVAILABLE).exists():
        return
    settings = GenerationSettings.model_validate(context.parameters["generation"])
    plain, reference = torch_models(context)
    tokens = read_test_tokens(context, settings.scored_tokens)
    try:
        decoder = open_decoder(folder)
        length = decoder.cache_length
        found = predict(decoder, tokens)
        wanted = predict_in_torch(reference, tokens[:-1], length)
        parity = parity_of(context, predict_in_torch(plain, tokens[:-1], length), wanted, found)
        told = TorchDecoder(reference, length)
        greedy = compare_greedy(decoder, told, _prompts(tokens), settings.greedy_tokens)
        check = LanguageCheck(
            score=_score(found, wanted, tokens, greedy),
            parity=parity,
            failures=failures_of(parity),
        )
    except (RunFailed, BadInput) as error:
        check = LanguageCheck(failures=[str(error)])
    write_json(context.out / CHECK, check.model_dump(mode="json"))


def measure_rung(context: StageContext) -> None:
    """Time to the first token, tokens a second, and memory, each in a process of its own."""
    from edgekd.language.decoding.measure import measure_generation

    folder = context.folder(context.parameters["artifact"])
    if (folder / UNAVAILABLE).exists():
        return
    settings = GenerationSettings.model_validate(context.parameters["generation"])
    figures = measure_generation(
        folder, prompt_lengths=settings.prompt_lengths, answer_tokens=settings.answer_tokens
    )
    generation = figures.generation
    if generation is not None and figures.samples_ms:
        arrays: dict[str, Any] = {f"prompt_{n}": a for n, a in figures.samples_ms.items()}
        np.savez(context.out / "samples_ms.npz", **arrays)
        samples = f"{context.parameters['stage']}/samples_ms.npz"
        generation = generation.model_copy(update={"samples": samples})
    speed = LanguageSpeed(reasons=figures.reasons, generation=generation, memory=figures.memory)
    write_json(context.out / SPEED, speed.model_dump(mode="json"))


def read_check(folder: Path) -> LanguageCheck:
    """Read ``check.json``."""
    return LanguageCheck.model_validate(read_json(folder / CHECK))


def read_speed(folder: Path) -> LanguageSpeed:
    """Read ``speed.json``."""
    return LanguageSpeed.model_validate(read_json(folder / SPEED))


def predict(decoder: TokenDecoder, tokens: list[int]) -> Logits:
    """Logits ``[tokens - 1, vocabulary]`` of each next token, a full cache at a time."""
    rows = []
    for start in range(0, len(tokens) - 1, decoder.cache_length):
        decoder.reset()
        part = tokens[start : min(start + decoder.cache_length, len(tokens) - 1)]
        rows += [decoder.feed([token]) for token in part]
    return np.stack(rows)


def predict_in_torch(model: CausalLanguageModel, tokens: list[int], window: int) -> Logits:
    """Logits ``[tokens, vocabulary]`` behind each token, whole windows at once, without a cache."""
    import torch

    starts = range(0, len(tokens), window)
    with torch.inference_mode():
        rows = [model(torch.tensor([tokens[start : start + window]]))[0] for start in starts]
        logits: Logits = torch.cat(rows).float().numpy()
    return logits


def torch_models(context: StageContext) -> tuple[CausalLanguageModel, CausalLanguageModel]:
    """The rung in torch: in float32, and as torch computes it at the precision of the file."""
    from edgekd.language.quantized import quantized_reference

    precision: Precision = context.parameters["precision"]
    plain = _model(context)
    if precision not in ("int8", "int4"):
        return plain, plain
    return plain, quantized_reference(plain, precision)


def read_test_tokens(context: StageContext, count: int) -> list[int]:
    """The first so many tokens of the test text, and the one behind them."""
    from edgekd.language.tokens import Tokens

    tokens = Tokens(context.folder(CORPUS) / TEST)
    return [int(token) for token in tokens.read(0, min(count + 1, len(tokens)))]


def parity_of(context: StageContext, plain: Logits, wanted: Logits, found: Logits) -> Parity:
    """The chain from torch in float32, over torch at the precision, to the file.

    Args:
        context: of a stage on one file.
        plain: logits ``[n, vocabulary]`` of torch in float32.
        wanted: likewise, of torch at the precision of the file.
        found: likewise, of the file.

    Raises:
        RunFailed: they cannot be compared.
    """
    precision: Precision = context.parameters["precision"]
    quantized = precision not in ("fp32", "fp16")
    chain = [ChainStep("torch", plain, quantized=False)]
    if quantized:
        chain.append(ChainStep(f"torch-{precision}", wanted, quantized=True))
    name = str(context.parameters["target"]["name"])
    chain.append(ChainStep(name, found, quantized=quantized))
    return parity_chain(chain, classes=False)


def failures_of(parity: Parity) -> list[str]:
    """Why a file is wrong; empty: it is not."""
    last = parity.steps[-1]
    return [f"parity: {last.step} {how_far(parity)}"] if last.diverged else []


def _exporter(target: Target) -> Exporter:
    if target.format == "executorch":
        from edgekd.language.export.executorch import export_executorch

        return export_executorch
    if target.format == "onnx":
        from edgekd.language.export.onnx import export_onnx

        return export_onnx
    from edgekd.language.export.tflite import export_tflite

    return export_tflite


def _model(context: StageContext) -> CausalLanguageModel:
    from edgekd.language.network import load_language_model

    return load_language_model(context.folder(f"rungs/{context.parameters['rung']}") / MODEL)


def _prompts(tokens: list[int]) -> list[list[int]]:
    """A few beginnings out of the test text, evenly spread."""
    starts = np.linspace(0, max(0, len(tokens) - _PROMPT_TOKENS), _GREEDY_PROMPTS).astype(int)
    return [tokens[start : start + _PROMPT_TOKENS] for start in starts]


def _score(
    found: Logits,
    wanted: Logits,
    tokens: list[int],
    greedy: list[GreedyComparison],
) -> ArtifactScore:
    targets = np.asarray(tokens[1:])
    return ArtifactScore(
        tokens=len(targets),
        nll=_nll(found, targets),
        torch_nll=_nll(wanted, targets),
        accuracy=float((found.argmax(axis=1) == targets).mean()),
        greedy=greedy,
    )


def _nll(logits: Logits, targets: npt.NDArray[np.int64]) -> float:
    """Nats a token."""
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    likely = wide[np.arange(len(targets)), targets] - np.log(np.exp(wide).sum(axis=1))
    return float(-likely.mean())
