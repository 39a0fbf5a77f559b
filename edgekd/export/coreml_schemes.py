"""How a torch model becomes fp32, fp16, int8 or int4 in Core ML, for both kinds of artifact.

Float and int4 models are converted as they are; coremltools then quantizes the weights. int8 takes
what torchao quantized: Apple's own quantizer, which ships with ExecuTorch, exports its patterns
anew each time, which takes over a minute. Source: "Optimizing Models" in the guide to coremltools.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput, Unavailable
from edgekd.export.contract import ExportRequest
from edgekd.export.wording import STATIC_TABLES, input_and_output, tables

if TYPE_CHECKING:
    import torch

GROUP_SIZE = 32


@dataclass(frozen=True)
class CoremlScheme:
    """What to convert, and how.

    Attributes:
        words: the scheme in words.
        ios: the oldest iOS that runs it; decides which operators may be written.
        half: whether the float arithmetic is float16.
        weights: of ``OpLinearQuantizerConfig``, where coremltools quantizes the weights.
        quantizes: whether to convert the model that torchao quantized.
    """

    words: str
    ios: int
    half: bool = True
    weights: dict[str, Any] | None = None
    quantizes: bool = False

    @property
    def precision(self) -> Any:
        """As coremltools calls it."""
        import coremltools

        return coremltools.precision.FLOAT16 if self.half else coremltools.precision.FLOAT32

    @property
    def system(self) -> Any:
        """The minimum deployment target, as coremltools calls it."""
        import coremltools

        return coremltools.target[f"iOS{self.ios}"]


def scheme_for(request: ExportRequest) -> CoremlScheme:
    """The scheme of a request.

    Raises:
        Unavailable: Core ML has no such precision.
    """
    makers: dict[str, Callable[[ExportRequest], CoremlScheme]] = {
        "fp32": lambda _: CoremlScheme("float32", ios=16, half=False),
        "fp16": _fp16,
        "int8": _int8,
        "int8-qat": _int8,
        "int4": _int4,
    }
    if request.precision not in makers:
        raise Unavailable(f"Core ML has no {request.precision}")
    return makers[request.precision](request)


def module_for(request: ExportRequest, scheme: CoremlScheme) -> torch.nn.Module:
    """The torch module to convert.

    Raises:
        BadInput: the scheme wants the model that torchao quantized, and there is none.
    """
    if not scheme.quantizes:
        return request.model
    if request.quantized is None:
        raise BadInput(f"{request.precision} needs the model that torchao quantized")
    return request.quantized


def _fp16(request: ExportRequest) -> CoremlScheme:
    words = f"float16 weights and arithmetic, {input_and_output(request)}"
    return CoremlScheme(words, ios=16)


def _int8(request: ExportRequest) -> CoremlScheme:
    words = (
        "int8 weights per channel (symmetric), int8 activations per tensor (asymmetric, min/max "
        f"over the calibration samples){tables(request, STATIC_TABLES)}, float16 between, "
        f"{input_and_output(request)}"
    )
    return CoremlScheme(words, ios=17, quantizes=True)


def _int4(request: ExportRequest) -> CoremlScheme:
    weights: dict[str, Any] = {
        "mode": "linear_symmetric",
        "dtype": "int4",
        "granularity": "per_channel",
        "weight_threshold": 0,
    }
    granularity = "per channel"
    if _has_whole_groups(request.model):
        weights |= {"granularity": "per_block", "block_size": GROUP_SIZE}
        granularity = f"in groups of {GROUP_SIZE}"
    words = (
        f"int4 weights {granularity} (symmetric), float16 arithmetic, {input_and_output(request)}"
    )
    return CoremlScheme(words, ios=18, weights=weights)


def _has_whole_groups(model: torch.nn.Module) -> bool:
    """Whether all weights are matrices of rows that divide into groups of 32.

    coremltools leaves a layer that does not divide in float16, without a word.
    """
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    return all(w.ndim == 2 and w.shape[1] % GROUP_SIZE == 0 for w in weights)
