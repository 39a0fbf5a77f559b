"""The way of a torch model into a ``.pte`` file that the backends share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput, EdgekdError, RunFailed
from edgekd.export.contract import ExportRequest
from edgekd.third_party import quiet, reason

if TYPE_CHECKING:
    import torch
    from executorch.exir import EdgeCompileConfig
    from executorch.exir.backend.partitioner import Partitioner
    from torch.export import ExportedProgram
    from torchao.quantization.pt2e.quantizer import Quantizer

MODEL_FILE = "model.pte"
TOOLS = ("torch", "torchao", "executorch")
XNNPACK_MODULES = (
    "torchao",
    "executorch.exir",
    "executorch.backends.xnnpack.partition.xnnpack_partitioner",
    # The bindings own the registry of kernels, so they come before the kernels of quantize and
    # dequantize nodes that no delegate takes, and of quantized embeddings.
    "executorch.extension.pybindings._portable_lib",
    "executorch.kernels.quantized",
)


@contextmanager
def lowering(to: str) -> Iterator[None]:
    """Hold back chatter, and say in one line what cannot be lowered.

    Args:
        to: the backend, as its vendor calls it.

    Raises:
        BadInput: whatever was raised inside.
    """
    try:
        with quiet():
            yield
    except EdgekdError:
        raise
    # Tracing and lowering raise whatever the step that fails raises.
    except Exception as error:
        raise BadInput(f"the model cannot be lowered to {to}: {reason(error)}") from error


def example_input(request: ExportRequest) -> torch.Tensor:
    """One input, batch of one: a real one where there is one."""
    import torch

    if request.calibration is not None and len(request.calibration):
        return torch.from_numpy(request.calibration[:1].copy())
    return torch.zeros(1, *request.sample_shape, dtype=getattr(torch, request.dtype))


def exported(module: torch.nn.Module, example: torch.Tensor) -> ExportedProgram:
    """The program of a module, whose parameters have names that every converter takes.

    Some, XNNPACK's pass for batch normalization among them, fail on names that begin with a digit,
    as those of a bare Sequential do, or with ``graph``, as those of a quantized model do.
    """
    import torch

    named = torch.nn.Sequential(OrderedDict(model=module))
    return torch.export.export(named, (example,))


def lowered(
    module: torch.nn.Module,
    example: torch.Tensor,
    partitioner: Partitioner,
    config: EdgeCompileConfig | None = None,
    passes: Any = None,
) -> bytes:
    """Content of the ``.pte`` file of a module whose graph a partitioner hands to its backend."""
    from executorch.exir import ExecutorchBackendConfig, to_edge_transform_and_lower

    edge = to_edge_transform_and_lower(
        exported(module, example),
        transform_passes=passes,
        partitioner=[partitioner],
        compile_config=config,
    )
    # Makes one operator of a quantized table and the embedding that reads it.
    whole = ExecutorchBackendConfig(do_quant_fusion_and_const_prop=True)
    return bytes(edge.to_executorch(whole).buffer)


def quantized_statically(
    model: torch.nn.Module, inputs: torch.Tensor, quantizer: Quantizer
) -> torch.nn.Module:
    """The model with quantize and dequantize nodes, calibrated one sample at a time."""
    import torch
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    # The guards of an exported module are calls that the passes do not know.
    graph = torch.export.export(model, (inputs[:1],)).module(check_guards=False)
    prepared = prepare_pt2e(graph, quantizer)
    with torch.no_grad():
        for index in range(len(inputs)):
            prepared(inputs[index : index + 1])
    converted: torch.nn.Module = convert_pt2e(prepared)
    return converted


def write_program(content: bytes, request: ExportRequest) -> Path:
    """Write ``model.pte`` into the request's folder.

    Raises:
        RunFailed: the folder cannot be written.
    """
    path = request.out / MODEL_FILE
    try:
        path.write_bytes(content)
    except OSError as error:
        raise RunFailed(f"cannot be written: {error.strerror}", where=str(path)) from error
    return path
