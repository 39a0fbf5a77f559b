"""Stage actions on exported language models in an emulated guest: checked, and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgekd.errors import BadInput, RunFailed
from edgekd.files import write_json
from edgekd.pipeline.cells import UNAVAILABLE
from edgekd.pipeline.language.artifacts import (
    CHECK,
    SPEED,
    LanguageCheck,
    LanguageSpeed,
    failures_of,
    parity_of,
    predict_in_torch,
    read_test_tokens,
    torch_models,
)
from edgekd.pipeline.stage import StageContext
from edgekd.recipe.language import GenerationSettings
from edgekd.target import Target

if TYPE_CHECKING:
    from edgekd.language.decoding.contract import Logits, TokenDecoder

# Tokens behind the prompt whose logits are compared: an emulator takes a second for some.
_ANSWER_TOKENS = 8
_SECONDS = 1800.0


def check_in_guest(context: StageContext) -> None:
    """Read the beginning of the test text in the guest and in torch, and compare the logits."""
    from edgekd.devices.arm64.guest_process import open_guest
    from edgekd.language.decoding.bundle_file import read_language_bundle
    from edgekd.language.decoding.guest import GuestDecoder

    folder = context.folder(context.parameters["artifact"])
    if (folder / UNAVAILABLE).exists():
        return
    target = Target.model_validate(context.parameters["target"])
    bundle = read_language_bundle(folder)
    prompt = _prompt_tokens(context)
    length = min(prompt + _ANSWER_TOKENS, bundle.cache_length)
    tokens = read_test_tokens(context, length)[:-1]
    plain, wanted = (
        predict_in_torch(model, tokens, length)[prompt - 1 :] for model in torch_models(context)
    )
    try:
        with open_guest(folder / bundle.model, target, _SECONDS) as guest:
            found = _answered(GuestDecoder(bundle, guest), tokens, prompt)
        parity = parity_of(context, plain, wanted, found)
        check = LanguageCheck(parity=parity, failures=failures_of(parity))
    except (RunFailed, BadInput) as error:
        check = LanguageCheck(failures=[str(error)])
    write_json(context.out / CHECK, check.model_dump(mode="json"))


def count_rung(context: StageContext) -> None:
    """Count the instructions of the shortest prompt, and of a token behind it."""
    from edgekd.language.decoding.instructions import count_generation

    folder = context.folder(context.parameters["artifact"])
    if (folder / UNAVAILABLE).exists():
        return
    target = Target.model_validate(context.parameters["target"])
    figures = count_generation(folder, target, _prompt_tokens(context), _SECONDS)
    speed = LanguageSpeed(
        reasons=figures.reasons,
        counted=figures.counted,
        memory=figures.memory,
        profile=figures.profile,
    )
    write_json(context.out / SPEED, speed.model_dump(mode="json"))


def _prompt_tokens(context: StageContext) -> int:
    """The shortest prompt, which is the one that answers are compared by; one token follows it."""
    settings = GenerationSettings.model_validate(context.parameters["generation"])
    return min(min(settings.prompt_lengths), settings.cache_length - 1)


def _answered(decoder: TokenDecoder, tokens: list[int], prompt: int) -> Logits:
    """Logits ``[n, vocabulary]``: after the prompt, and after each token behind it."""
    decoder.reset()
    rows = [decoder.feed(tokens[:prompt]), *(decoder.feed([token]) for token in tokens[prompt:])]
    return np.stack(rows)
