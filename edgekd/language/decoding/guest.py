"""A language model in the runtime of an emulated ARM64 core: its calls, of any size, and answers.

Each format has a call of its own: LiteRT's signatures, sizes of the inputs that differ from call
to call for ExecuTorch and ONNX Runtime; caches go in and come out where they are not inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.devices.arm64.conversation import Guest
from edgekd.devices.arm64.protocol import (
    Description,
    Operation,
    decode_outputs,
    encode_inputs,
)
from edgekd.devices.contract import Array, TensorInfo
from edgekd.devices.tensors import sample_shape
from edgekd.errors import BadInput
from edgekd.language.decoding.contract import LanguageBundle
from edgekd.language.decoding.conversation import ArtifactConversation, Tokens

_PAST, _PRESENT = "past_key_values.", "present."
_LOGITS = "logits"


@dataclass(frozen=True)
class Call:
    """One call of a language model.

    Attributes:
        tokens: that it reads.
        position: where the first of them stands.
    """

    tokens: int
    position: int


class GuestDecoder(ArtifactConversation):
    """See :class:`edgekd.language.decoding.contract.Decoder`; caches pass through the pipe.

    Args:
        bundle: of the artifact.
        guest: that holds it.
    """

    def __init__(self, bundle: LanguageBundle, guest: Guest) -> None:
        super().__init__(bundle)
        self._guest = guest
        self._caches: dict[str, Array] = {}

    def reset(self) -> None:
        """Forget the conversation."""
        super().reset()
        self._caches = {}

    def _call(self, tokens: Tokens) -> npt.NDArray[Any]:
        call = Call(len(tokens), self.position)
        description = prepare_call(self._guest, self.bundle, call)
        infos = description.signature.inputs
        inputs = call_inputs(self.bundle, infos, call, tokens, self._caches)
        [payload] = encode_inputs(description, inputs)
        reply = self._guest.ask(Operation.RUN, payload, most=description.output_bytes)
        names = [info.name for info in description.signature.outputs]
        outputs = dict(zip(names, decode_outputs(description, [reply]), strict=True))
        logits = outputs.pop(names[0] if self.bundle.format == "executorch" else _LOGITS)
        self._caches = {name.replace(_PRESENT, _PAST, 1): array for name, array in outputs.items()}
        return logits


def prepare_call(guest: Guest, bundle: LanguageBundle, call: Call) -> Description:
    """Make a guest ready for a call, and say what its inputs and outputs then are.

    Raises:
        BadInput: the artifact is no language model.
        RunFailed: as for :meth:`edgekd.devices.arm64.conversation.Guest.ask`.
    """
    if bundle.format == "tflite":
        name = "decode" if call.tokens == 1 else f"prefill_{call.tokens}"
        guest.ask(Operation.SIGNATURE, name.encode(), most=0)
    else:
        declared = guest.describe().signature.inputs
        sizes = [
            size
            for index, info in enumerate(declared)
            for size in input_shape(bundle, index, info, call)
        ]
        guest.ask(Operation.SHAPES, np.array(sizes, "<i4").tobytes(), most=0)
    return guest.describe()


def input_shape(bundle: LanguageBundle, index: int, info: TensorInfo, call: Call) -> list[int]:
    """The shape that an input has in a call, of an artifact whose shapes are not fixed."""
    if bundle.format == "executorch":
        return [1, call.tokens] if index == 0 else info.shape
    if info.name == "attention_mask":
        return [1, call.position + call.tokens]
    if info.name in ("input_ids", "position_ids"):
        return [1, call.tokens]
    if len(info.shape) != 4:
        raise BadInput(f"{info.name[:80]!r} is no input of a language model")
    return [1, info.shape[1], call.position, info.shape[3]]


def call_inputs(
    bundle: LanguageBundle,
    infos: Sequence[TensorInfo],
    call: Call,
    tokens: Tokens,
    caches: Mapping[str, Array],
) -> list[Array]:
    """One sample of each input: ``[1, *shape]`` as :class:`edgekd.devices.contract.Device` has it.

    The first integers of a ``.pte`` are the tokens, and the second the position; other formats
    name theirs.

    Args:
        bundle: of the artifact.
        infos: its inputs in this call.
        call: that is made.
        tokens: ``[call.tokens]``.
        caches: by the names of the inputs; zeros stand for those that are not there.
    """
    samples: list[Array] = []
    for index, info in enumerate(infos):
        shape = (1, *sample_shape(info))
        name = ("tokens", "position")[index] if bundle.format == "executorch" else info.name
        if name in ("tokens", "input_ids"):
            samples.append(tokens.reshape(shape).astype(info.dtype))
        elif name == "position":
            samples.append(np.full(shape, call.position, info.dtype))
        elif name == "position_ids":
            samples.append(
                (call.position + np.arange(call.tokens)).reshape(shape).astype(info.dtype)
            )
        elif name == "attention_mask":
            samples.append(np.ones(shape, info.dtype))
        elif name in caches:
            samples.append(caches[name].reshape(shape).astype(info.dtype))
        else:
            samples.append(np.zeros(shape, info.dtype))
    return samples
