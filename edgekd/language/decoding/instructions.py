"""Counts the instructions of a language model on an emulated ARM64 core: a token, and a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgekd.devices.arm64.conversation import Guest
from edgekd.devices.arm64.figures import Choose, measure_artifact
from edgekd.devices.arm64.protocol import Description, Operation
from edgekd.devices.contract import Array, Figures, TensorInfo
from edgekd.devices.tensors import sample_shape
from edgekd.errors import BadInput
from edgekd.language.decoding.bundle_file import read_language_bundle
from edgekd.language.decoding.contract import LanguageBundle
from edgekd.target import Target

POSITION = 64
PROMPT_TOKENS = 64
TIMEOUT_SECONDS = 1800.0


@dataclass(frozen=True)
class CountedGeneration:
    """What was counted.

    Attributes:
        step: one token, with so many before it in the cache.
        position: how many.
        prefill: one call at the start of a conversation.
        prefill_tokens: that it takes.
    """

    step: Figures
    position: int
    prefill: Figures
    prefill_tokens: int


@dataclass(frozen=True)
class Call:
    """One call of a language model.

    Attributes:
        tokens: that it reads.
        position: where the first of them stands.
    """

    tokens: int
    position: int


def count_generation(
    folder: Path, target: Target, timeout_seconds: float = TIMEOUT_SECONDS
) -> CountedGeneration:
    """Count a decode step and a prefill, each in a guest process of its own.

    A file with fixed chunks is counted at its largest; the others at ``PROMPT_TOKENS``, or as many
    as the cache has. Token numbers and caches are random from a fixed seed.

    Args:
        folder: with ``language.json``.
        target: an emulated ARM64 core with the runtime of the artifact's format.
        timeout_seconds: of each process.

    Raises:
        BadInput, MissingPackage, RunFailed: as for
            :func:`edgekd.devices.arm64.figures.measure_artifact`.
    """
    bundle = read_language_bundle(folder)
    step = Call(1, min(POSITION, bundle.cache_length - 1))
    prefill = Call(max(bundle.prefill, default=min(PROMPT_TOKENS, bundle.cache_length)), 0)
    counted = [
        measure_artifact(
            folder / bundle.model, target, None, timeout_seconds, chooser(bundle, call)
        )
        for call in (step, prefill)
    ]
    return CountedGeneration(counted[0], step.position, counted[1], prefill.tokens)


def chooser(bundle: LanguageBundle, call: Call) -> Choose:
    """What makes a guest that holds an artifact ready for a call of it."""

    def choose(guest: Guest) -> tuple[Description, Sequence[Array]]:
        if bundle.format == "tflite":
            name = "decode" if call.tokens == 1 else f"prefill_{call.tokens}"
            guest.ask(Operation.SIGNATURE, name.encode(), most=0)
        else:
            declared = guest.describe().signature.inputs
            sizes = [size for info in declared for size in input_shape(bundle, info, call)]
            guest.ask(Operation.SHAPES, np.array(sizes, "<i4").tobytes(), most=0)
        description = guest.describe()
        return description, call_inputs(bundle, description.signature.inputs, call)

    return choose


def input_shape(bundle: LanguageBundle, info: TensorInfo, call: Call) -> list[int]:
    """The shape that an input has in a call, of an artifact whose shapes are not fixed."""
    if bundle.format == "executorch":
        return [1, call.tokens] if len(info.shape) == 2 else info.shape
    if info.name == "attention_mask":
        return [1, call.position + call.tokens]
    if info.name in ("input_ids", "position_ids"):
        return [1, call.tokens]
    if len(info.shape) != 4:
        raise BadInput(f"{info.name[:80]!r} is no input of a language model")
    return [1, info.shape[1], call.position, info.shape[3]]


def call_inputs(bundle: LanguageBundle, infos: Sequence[TensorInfo], call: Call) -> list[Array]:
    """One sample of each input: ``[1, *shape]`` as :class:`edgekd.devices.contract.Device` has it.

    The first integers of a ``.pte`` are the tokens, and the second the position; other formats
    name theirs.
    """
    generator = np.random.default_rng(call.tokens)
    samples: list[Array] = []
    for index, info in enumerate(infos):
        shape = (1, *sample_shape(info))
        name = ("tokens", "position")[index] if bundle.format == "executorch" else info.name
        if name in ("tokens", "input_ids"):
            samples.append(generator.integers(1, bundle.vocabulary, shape).astype(info.dtype))
        elif name == "position":
            samples.append(np.full(shape, call.position, info.dtype))
        elif name == "position_ids":
            samples.append(
                (call.position + np.arange(call.tokens)).reshape(shape).astype(info.dtype)
            )
        elif name == "attention_mask":
            samples.append(np.ones(shape, info.dtype))
        else:
            samples.append(generator.standard_normal(shape).astype(info.dtype))
    return samples
