"""Counts the instructions of a language model on an emulated ARM64 core: a token, and a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgekd.devices.arm64.conversation import Guest
from edgekd.devices.arm64.figures import Choose, measure_artifact
from edgekd.devices.arm64.protocol import Description
from edgekd.devices.contract import Array, Figures
from edgekd.errors import RunFailed
from edgekd.language.decoding.bundle_file import read_language_bundle
from edgekd.language.decoding.contract import LanguageBundle
from edgekd.language.decoding.guest import Call, call_inputs, prepare_call
from edgekd.records import CountedCall, CountedGeneration, Memory, Profile
from edgekd.target import Target

PROMPT_TOKENS = 64
TIMEOUT_SECONDS = 1800.0
_CACHE_RANK = 4


@dataclass(frozen=True)
class CountedFigures:
    """What was counted of one language model.

    Attributes:
        reasons: why the figures are invalid, one line each; empty: they are valid.
        counted: ``None`` where a call failed.
        memory: what loading the file and running either call added; the larger of both.
        profile: where the instructions of a decoded token went.
    """

    reasons: list[str] = field(default_factory=list)
    counted: CountedGeneration | None = None
    memory: Memory = field(default_factory=Memory)
    profile: Profile | None = None


def count_generation(
    folder: Path,
    target: Target,
    prompt_tokens: int = PROMPT_TOKENS,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> CountedFigures:
    """Count a prefill and the decoding of a token behind it, each in a guest process of its own.

    A file with fixed chunks is counted at the largest that is no longer than the prompt, or else
    at its smallest. Token numbers and caches are random from a fixed seed. A guest that crashes
    or hangs becomes a reason in the figures.

    Args:
        folder: with ``language.json``.
        target: an emulated ARM64 core with the runtime of the artifact's format.
        prompt_tokens: of the prompt; no more are taken than leave a place for one token.
        timeout_seconds: of each process.

    Raises:
        BadInput, MissingPackage: as for
            :func:`edgekd.devices.arm64.figures.measure_artifact`.
    """
    bundle = read_language_bundle(folder)
    prompt = min(prompt_tokens, bundle.cache_length - 1)
    calls = Call(_prefill(bundle, prompt), 0), Call(1, prompt)
    model = folder / bundle.model
    try:
        figures = [
            measure_artifact(model, target, None, timeout_seconds, chooser(bundle, call))
            for call in calls
        ]
    except RunFailed as error:
        return CountedFigures(reasons=[str(error)])
    prefill, decode = (_counted(call, each) for call, each in zip(calls, figures, strict=True))
    added = [each.memory.ram_bytes for each in figures if each.memory.ram_bytes is not None]
    return CountedFigures(
        reasons=list(dict.fromkeys(reason for each in figures for reason in each.reasons)),
        counted=CountedGeneration(prefill=prefill, decode=decode),
        memory=Memory(ram_bytes=max(added, default=None), model_bytes=bundle.bytes),
        profile=figures[1].profile,
    )


def chooser(bundle: LanguageBundle, call: Call) -> Choose:
    """What makes a guest that holds an artifact ready for a call of it, with random inputs."""

    def choose(guest: Guest) -> tuple[Description, Sequence[Array]]:
        description = prepare_call(guest, bundle, call)
        infos = description.signature.inputs
        generator = np.random.default_rng(call.tokens)
        tokens = generator.integers(1, bundle.vocabulary, call.tokens)
        caches = {
            info.name: generator.standard_normal(info.shape).astype(np.float32)
            for info in infos
            if len(info.shape) == _CACHE_RANK
        }
        return description, call_inputs(bundle, infos, call, tokens, caches)

    return choose


def _prefill(bundle: LanguageBundle, prompt: int) -> int:
    if not bundle.prefill:
        return prompt
    return max((size for size in bundle.prefill if size <= prompt), default=min(bundle.prefill))


def _counted(call: Call, figures: Figures) -> CountedCall:
    assert figures.instructions is not None, "what was counted has a count"
    return CountedCall(
        tokens=call.tokens, position=call.position, instructions=figures.instructions
    )
