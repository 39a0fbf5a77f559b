"""What is in a ``.pte`` file: its inputs and outputs, and what will really run.

Read from the file itself, delegates included, so that a file from elsewhere gets the same answer.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from edgekd.errors import BadInput
from edgekd.export.contract import DataType, TensorSpec
from edgekd.export.executorch_program import (
    Delegate,
    Kernel,
    Method,
    ProgramTensor,
    read_method,
)
from edgekd.export.xnnpack_graph import XnnpackNode, read_xnnpack_graph
from edgekd.records import Preflight

_METHOD = "forward"
_XNNPACK = "XnnpackBackend"
_DTYPES: dict[str, DataType] = {
    "FLOAT": "float32",
    "HALF": "float16",
    "CHAR": "int8",
    "BYTE": "uint8",
    "INT": "int32",
    "LONG": "int64",
}
_IMAGE_RANK = 4
_TRANSPOSES = {"XNNStaticTranspose", "aten::permute_copy", "aten::transpose_copy", "aten::t_copy"}
# Kernels that compute nothing: whether they hold floats or integers does not matter.
_MOVES = _TRANSPOSES | {
    "aten::view_copy",
    "aten::squeeze_copy",
    "aten::unsqueeze_copy",
    "aten::expand_copy",
    "aten::slice_copy",
    "aten::cat",
    "aten::clone",
    "dim_order_ops::_clone_dim_order",
    "dim_order_ops::_to_dim_order_copy",
}
_CONVERSIONS = "quantized_decomposed::"


def inspect_executorch(path: Path) -> tuple[list[TensorSpec], list[TensorSpec], Preflight]:
    """Inputs, outputs and preflight of the method ``forward`` of a ``.pte`` file.

    Nothing in the file is run.

    Raises:
        BadInput: it is not an ExecuTorch program, or its method or tensors are of a kind that
            edgekd cannot feed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput("cannot be read", where=str(path), mend=str(error.strerror)) from error
    method = read_method(content, _METHOD, str(path))
    try:
        inputs = [_spec(f"input_{at}", method.tensor(i)) for at, i in enumerate(method.inputs)]
        outputs = [_spec(f"output_{at}", method.tensor(i)) for at, i in enumerate(method.outputs)]
        return inputs, outputs, _preflight(method, [*inputs, *outputs])
    except BadInput as error:
        raise BadInput(error.what, where=str(path), mend=error.mend) from error


def _spec(name: str, tensor: ProgramTensor | None) -> TensorSpec:
    if tensor is None:
        raise BadInput(f"{name} is not a tensor")
    if tensor.scalar_type not in _DTYPES:
        raise BadInput(f"{name} is of type {tensor.scalar_type.lower()}, which edgekd cannot feed")
    layout: Any = "NCHW" if len(tensor.sizes) == _IMAGE_RANK else "NC"
    return TensorSpec(
        name=name, shape=list(tensor.sizes), layout=layout, dtype=_DTYPES[tensor.scalar_type]
    )


def _preflight(method: Method, ends: list[TensorSpec]) -> Preflight:
    delegates = [call for call in method.calls if isinstance(call, Delegate)]
    kernels = [call for call in method.calls if isinstance(call, Kernel)]
    nodes = [
        node
        for delegate in delegates
        if delegate.backend == _XNNPACK
        for node in read_xnnpack_graph(delegate.data)
    ]
    others = Counter(call.backend for call in delegates if call.backend != _XNNPACK)
    undelegated = Counter(kernel.operator for kernel in kernels)
    operators = Counter(node.kind for node in nodes) + others + undelegated
    fallbacks: Counter[str] = Counter()
    if any(node.quantized for node in nodes) or any(_CONVERSIONS in name for name in undelegated):
        fallbacks.update(node.kind for node in nodes if node.computes and not node.quantized)
        fallbacks.update(_float_kernels(method, kernels))
    return Preflight(
        operators=dict(sorted(operators.items())),
        delegated=len(nodes) + sum(others.values()),
        undelegated=dict(sorted(undelegated.items())),
        transposes=sum(count for kind, count in operators.items() if kind in _TRANSPOSES),
        float_fallbacks=dict(sorted(fallbacks.items())),
        notes=_notes(nodes, others, undelegated, ends),
    )


def _float_kernels(method: Method, kernels: list[Kernel]) -> list[str]:
    """Names of the kernels that compute in float."""
    names = []
    for kernel in kernels:
        tensors = [method.tensor(index) for index in kernel.values]
        types = {tensor.scalar_type for tensor in tensors if tensor is not None}
        name = kernel.operator
        if types & {"FLOAT", "HALF"} and name not in _MOVES and not name.startswith(_CONVERSIONS):
            names.append(name)
    return names


def _notes(
    nodes: list[XnnpackNode],
    others: Counter[str],
    undelegated: Counter[str],
    ends: list[TensorSpec],
) -> list[str]:
    notes = []
    if undelegated:
        notes.append(
            f"{undelegated.total()} operators are outside the delegate, on portable kernels that "
            "are 100 to 200 times slower than XNNPACK's"
        )
    notes += [f"what the delegate {name} does inside cannot be seen" for name in sorted(others)]
    halves = [spec.name for spec in ends if spec.dtype == "float16"]
    if halves:
        both = len(halves) == len(ends)
        notes.append(f"{'input and output' if both else ', '.join(halves)} are float16")
        wide = sum(node.weights == "fp32" for node in nodes)
        if wide:
            notes.append(
                f"the weights of {wide} convolutions are stored in float32, as XNNPACK's format "
                "wants them: the file shrinks little or not at all"
            )
    return notes
