"""What static quantization and its training share: a captured graph and the annotation of it.

PT2E is torchao's quantization of exported graphs (https://docs.pytorch.org/ao, "PT2E"). The
annotation is ExecuTorch's for XNNPACK, so that the quantized graph runs there whole.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.third_party import quiet, reason, require

if TYPE_CHECKING:
    import torch
    from torch.fx import GraphModule

# XNNPACK refuses a layer whose output scale is tiny beside its input scale, which a dead
# activation (always zero) would have.
SMALLEST_ACTIVATION_SCALE = 2**-12
_CALIBRATION_BATCH = 256


def require_quantizers() -> None:
    """Make sure that torchao and ExecuTorch's annotation for it are there, and load them.

    Raises:
        MissingPackage: one of them is not installed.
    """
    require("executorch", "torchao", "executorch.backends.xnnpack.quantizer.xnnpack_quantizer")


def capture(model: torch.nn.Module, calibration: npt.NDArray[np.float32 | np.int32]) -> GraphModule:
    """A copy of a model as an exported graph that takes ``[N, ...]`` for any N.

    Args:
        model: that gives logits.
        calibration: ``[N, ...]``; only its shape and dtype matter.

    Raises:
        BadInput: ``torch.export`` cannot capture the model.
    """
    import torch

    model = copy.deepcopy(model).eval()
    zeros = np.zeros((2, *calibration.shape[1:]), calibration.dtype)
    example = torch.from_numpy(zeros)
    try:
        with quiet():
            program = torch.export.export(
                model, (example,), dynamic_shapes=({0: torch.export.Dim("batch")},)
            )
            return program.module(check_guards=False)
    # Export runs the model's own code, which may raise anything.
    except Exception as error:
        raise BadInput(f"the model cannot be captured for quantization: {reason(error)}") from error


def static_quantizer(weight_bits: int, activation: Any, weight: Any, *, trains: bool) -> Any:
    """XNNPACK's annotation: symmetric weights per channel, asymmetric int8 activations.

    Embedding tables are int8 with one scale, whatever the bits of the weights.

    Its patterns with batch norm are left out: each costs a quarter of a second of tracing, and
    they find nothing in a folded model.

    Args:
        weight_bits: integers from ``-(2 ** (bits - 1) - 1)`` to the same above zero.
        activation: torchao's constructor of an observer or fake quantizer; its ``eps`` is to be
            ``SMALLEST_ACTIVATION_SCALE``.
        weight: the same for weights.
        trains: whether these are fake quantizers.

    Returns:
        An ``XNNPACKQuantizer``.
    """
    import torch
    from torchao.quantization.pt2e.quantizer import QuantizationConfig, QuantizationSpec

    from edgekd.compress.tables import StaticQuantizer

    limit = largest_integer(weight_bits)
    activations = QuantizationSpec(
        dtype=torch.int8,
        quant_min=-128,
        quant_max=127,
        qscheme=torch.per_tensor_affine,
        observer_or_fake_quant_ctr=activation,
    )
    weights = QuantizationSpec(
        dtype=torch.int8,
        quant_min=-limit,
        quant_max=limit,
        qscheme=torch.per_channel_symmetric,
        ch_axis=0,
        observer_or_fake_quant_ctr=weight,
    )
    quantizer = StaticQuantizer(fake=trains)
    quantizer.SUPPORTED_PATTERNS = [
        pattern for pattern in StaticQuantizer.SUPPORTED_PATTERNS if "_bn" not in pattern.name
    ]
    return quantizer.set_global(QuantizationConfig(activations, activations, weights, None))


def largest_integer(bits: int) -> int:
    """The largest integer of a symmetric grid: 127 for 8 bits, 7 for 4 bits."""
    return int(2 ** (bits - 1) - 1)


def calibrate(graph: GraphModule, samples: npt.NDArray[np.float32 | np.int32]) -> None:
    """Show the samples, ``[N, ...]``, to a prepared graph's observers.

    Raises:
        BadInput: there are no samples, or one holds NaN or infinity.
    """
    import torch

    if len(samples) == 0:
        raise BadInput("static quantization needs calibration samples and was given none")
    if not np.isfinite(samples).all():
        raise BadInput("a calibration sample holds NaN or infinity")
    with torch.no_grad():
        for batch in torch.from_numpy(samples).split(_CALIBRATION_BATCH):  # type: ignore[no-untyped-call]
            graph(batch)
