"""What operators compute, as LiteRT itself computes it with its reference kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgekd.errors import BadInput
from edgekd.export.c.graph import Array, Graph, Operator
from edgekd.export.c.passes.writer import write_tflite
from edgekd.third_party import quiet, reason

# Operators that map each 8-bit value to an 8-bit value, whatever its place and neighbours.
LOOKUPS = frozenset(
    (
        "ABS",
        "ELU",
        "EXP",
        "GELU",
        "HARD_SWISH",
        "LEAKY_RELU",
        "LOG",
        "LOGISTIC",
        "LOOKUP",
        "NEG",
        "QUANTIZE",
        "RELU",
        "RELU6",
        "RELU_0_TO_1",
        "RELU_N1_TO_1",
        "RSQRT",
        "SQRT",
        "SQUARE",
        "TANH",
    )
)
# Likewise, where the other operand is one constant for all elements.
_WITH_CONSTANT = frozenset(("ADD", "MAXIMUM", "MINIMUM", "MUL", "SUB"))
# Undefined below zero, where LiteRT stops with an error.
_OF_POSITIVE = ("SQRT", "RSQRT")


def run_reference(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The outputs of a whole graph, by LiteRT with ``BUILTIN_REF``.

    Args:
        graph: written to a file of its own; no bytes of a user's file reach LiteRT.
        inputs: one for each of ``graph.inputs``, in its shape and stored type.

    Returns:
        One array for each of ``graph.outputs``, in its shape and stored type.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses the graph.
    """
    content = write_tflite(graph)
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        with quiet():
            interpreter = Interpreter(
                model_content=content,
                experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
                num_threads=1,
            )
            interpreter.allocate_tensors()
            for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
                interpreter.set_tensor(detail["index"], value)
            interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        where = graph.operators[0].place if len(graph.operators) == 1 else "the graph"
        raise BadInput("LiteRT cannot run it", where=where, mend=reason(error)) from error
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def evaluate(operator: Operator, graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """What one operator computes.

    Args:
        operator: of the graph.
        graph: holds its tensors; constants among its inputs come from there.
        inputs: for the inputs that are not constants, each named tensor once, in the order in
            which the operator names them first.

    Returns:
        One array for each output, in its shape and stored type.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses the operator.
    """
    _check_scales(operator, graph)
    alone = Graph(
        tensors=graph.tensors,
        operators=(operator,),
        inputs=tuple(graph.activations(operator.inputs)),
        outputs=operator.outputs,
    ).without_unused()
    return run_reference(alone, inputs)


def _check_scales(operator: Operator, graph: Graph) -> None:
    """Refuse what makes LiteRT abort the process instead of failing."""
    tensors = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs)]
    if operator.kind != "ADD" or any(tensor.quantization is None for tensor in tensors):
        return
    *operands, output = (tensor.scale for tensor in tensors)
    if 2 * max(operands) >= 2**20 * output:
        raise BadInput(
            "its output's scale is far below its inputs'",
            where=operator.place,
            mend="quantize the model again",
        )


def is_lookup(operator: Operator, graph: Graph) -> bool:
    """Whether a table of 256 entries computes the operator.

    True of functions of one value, and of arithmetic with one constant for all elements.
    """
    if operator.kind not in LOOKUPS and operator.kind not in _WITH_CONSTANT:
        return False
    activations = list(graph.activations(operator.inputs))
    if len(activations) != 1 or operator.inputs.count(activations[0]) != 1:
        return False
    source, target = graph.tensors[activations[0]], graph.tensors[operator.outputs[0]]
    if operator.kind in _WITH_CONSTANT and (
        source.shape != target.shape or not _same_throughout(operator, graph)
    ):
        return False
    return source.dtype in ("int8", "uint8") and target.dtype in ("int8", "uint8")


def lookup_source(operator: Operator, graph: Graph) -> int:
    """The input that a table maps, of an operator for which ``is_lookup`` holds."""
    [source] = graph.activations(operator.inputs)
    return source


def lookup_table(operator: Operator, graph: Graph) -> Array:
    """The table of an operator for which ``is_lookup`` holds.

    Returns:
        256 values of the output's type: for int8, that of stored value ``v`` is at ``v + 128``;
        for uint8 at ``v``. Roots of negative values, where LiteRT stops, are that of zero.

    Raises:
        MissingPackage: ai_edge_litert is not installed.
        BadInput: LiteRT refuses the operator, or it is not of that kind.
    """
    if not is_lookup(operator, graph):
        raise BadInput("no table from 8 bits to 8 bits can compute it", where=operator.place)
    if operator.kind == "LOOKUP":
        return np.asarray(operator.options["table"])
    source, target = lookup_source(operator, graph), operator.outputs[0]
    flat = {
        index: replace(tensor, shape=(1,), data=tensor.data.reshape(-1)[:1])
        for index, tensor in ((i, graph.tensors[i]) for i in operator.inputs)
        if tensor.data is not None
    }
    flat[source] = replace(graph.tensors[source], shape=(1, 256))
    flat[target] = replace(graph.tensors[target], shape=(1, 256))
    limits = np.iinfo(graph.tensors[source].dtype)
    every = np.arange(limits.min, limits.max + 1)
    if operator.kind in _OF_POSITIVE:
        every = np.maximum(every, graph.tensors[source].zero_point)
    values = every.astype(limits.dtype).reshape(1, 256)
    [table] = evaluate(operator, graph.with_tensors(flat), [values])
    return table.reshape(256)


def _same_throughout(operator: Operator, graph: Graph) -> bool:
    constants = [graph.tensors[index].data for index in operator.inputs]
    return all(c is None or bool((c == c.reshape(-1)[0]).all()) for c in constants)
