"""What is in a ``.pte`` file: its inputs and outputs, and what will really run.

Read from the file itself, delegates included, so that a file from elsewhere gets the same answer.
Format: ExecuTorch's ``schema/program.fbs`` and XNNPACK's ``serialization/schema.fbs``, both
flatbuffers that ship in the executorch wheel.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from edgekd.errors import BadInput
from edgekd.export.contract import TensorSpec
from edgekd.export.xnnpack_graph import XnnpackNode, read_xnnpack_graph
from edgekd.records import Preflight
from edgekd.third_party import quiet, require

_IDENTIFIER = b"ET12"
_IDENTIFIER_AT = slice(4, 8)
_METHOD = "forward"
_XNNPACK = "XnnpackBackend"
_DTYPES: dict[str, Any] = {"FLOAT": "float32", "HALF": "float16", "CHAR": "int8", "BYTE": "uint8"}
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
        MissingPackage: executorch is not installed.
    """
    content = _content(path)
    require("executorch", "executorch.exir")
    try:
        with quiet():
            from executorch.exir._serialize import _deserialize_pte_binary

            program = _deserialize_pte_binary(content).program
        plan = next((plan for plan in program.execution_plan if plan.name == _METHOD), None)
        if plan is None:
            raise BadInput(f"has no method {_METHOD!r}", where=str(path))
        inputs = [_spec(f"input_{at}", plan, index) for at, index in enumerate(plan.inputs)]
        outputs = [_spec(f"output_{at}", plan, index) for at, index in enumerate(plan.outputs)]
        return inputs, outputs, _preflight(program, plan, inputs)
    except BadInput as error:
        raise BadInput(error.what, where=str(path), mend=error.mend) from error
    # A damaged file leads the reader of flatbuffers to struct, index and type errors.
    except Exception as error:
        raise BadInput("is a damaged ExecuTorch program", where=str(path)) from error


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            head = stream.read(_IDENTIFIER_AT.stop)
            if head[_IDENTIFIER_AT] != _IDENTIFIER:
                raise BadInput("is not an ExecuTorch program (.pte)", where=str(path))
            return head + stream.read()
    except OSError as error:
        raise BadInput("cannot be read", where=str(path), mend=str(error.strerror)) from error


def _spec(name: str, plan: Any, index: int) -> TensorSpec:
    from executorch.exir.schema import Tensor

    value = plan.values[index].val
    if not isinstance(value, Tensor):
        raise BadInput(f"{name} is not a tensor")
    dtype = value.scalar_type.name
    if dtype not in _DTYPES:
        raise BadInput(f"{name} is of type {dtype.lower()}, which edgekd cannot feed")
    layout: Any = "NCHW" if len(value.sizes) == _IMAGE_RANK else "NC"
    return TensorSpec(name=name, shape=list(value.sizes), layout=layout, dtype=_DTYPES[dtype])


def _preflight(program: Any, plan: Any, inputs: list[TensorSpec]) -> Preflight:
    from executorch.exir.schema import DelegateCall, KernelCall

    calls = [step.instr_args for chain in plan.chains for step in chain.instructions]
    delegates = [plan.delegates[call.delegate_index] for call in calls if _is(call, DelegateCall)]
    kernels = [call for call in calls if _is(call, KernelCall)]
    nodes = [
        node
        for delegate in delegates
        if delegate.id == _XNNPACK
        for node in read_xnnpack_graph(program.backend_delegate_data[delegate.processed.index].data)
    ]
    others = Counter(delegate.id for delegate in delegates if delegate.id != _XNNPACK)
    undelegated = Counter(plan.operators[call.op_index].name for call in kernels)
    operators = Counter(node.kind for node in nodes) + others + undelegated
    fallbacks: Counter[str] = Counter()
    if any(node.quantized for node in nodes) or any(_CONVERSIONS in name for name in undelegated):
        fallbacks.update(node.kind for node in nodes if node.computes and not node.quantized)
        fallbacks.update(_float_kernels(plan, kernels))
    return Preflight(
        operators=dict(sorted(operators.items())),
        delegated=len(nodes) + sum(others.values()),
        undelegated=dict(sorted(undelegated.items())),
        transposes=sum(count for kind, count in operators.items() if kind in _TRANSPOSES),
        float_fallbacks=dict(sorted(fallbacks.items())),
        notes=_notes(nodes, others, undelegated, inputs),
    )


def _is(call: Any, kind: type) -> bool:
    return isinstance(call, kind)


def _float_kernels(plan: Any, kernels: list[Any]) -> list[str]:
    """Names of the kernels that compute in float."""
    from executorch.exir.schema import Tensor

    names = []
    for call in kernels:
        name = plan.operators[call.op_index].name
        values = [plan.values[index].val for index in call.args]
        types = {value.scalar_type.name for value in values if isinstance(value, Tensor)}
        if types & {"FLOAT", "HALF"} and name not in _MOVES and not name.startswith(_CONVERSIONS):
            names.append(name)
    return names


def _notes(
    nodes: list[XnnpackNode],
    others: Counter[str],
    undelegated: Counter[str],
    inputs: list[TensorSpec],
) -> list[str]:
    notes = []
    if undelegated:
        notes.append(
            f"{undelegated.total()} operators are outside the delegate, on portable kernels that "
            "are 100 to 200 times slower than XNNPACK's"
        )
    notes += [f"what the delegate {name} does inside cannot be seen" for name in sorted(others)]
    if any(spec.dtype == "float16" for spec in inputs):
        notes.append("input and output are float16")
        wide = sum(node.weights == "fp32" for node in nodes)
        if wide:
            notes.append(
                f"the weights of {wide} convolutions are stored in float32, as XNNPACK's format "
                "wants them: the file shrinks little or not at all"
            )
    return notes
