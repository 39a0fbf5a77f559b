"""Rewrites a graph so that XNNPACK takes more of it, and tables of embeddings stay quantized.

Each pass gets the graph in ExecuTorch's edge dialect, before it is divided among delegates, and
changes nothing of what it computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.fx import GraphModule, Node


def _exclude_padding(graph_module: GraphModule) -> Any:
    """Say of average pooling without padding that padding does not count.

    It is the same operation, but XNNPACK takes it only when told so: torch's default is that
    padding counts, and the portable kernel is 100 to 200 times slower.
    """
    from executorch.exir.dialects._ops import ops

    changed = False
    for node in _calls(graph_module, ops.edge.aten.avg_pool2d.default):
        # input, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
        defaults = (None, None, (), (0, 0), False, True, None)
        arguments = [*node.args, *defaults[len(node.args) :]]
        if not any(arguments[3]) and not arguments[4]:
            arguments[5] = False
            node.args = tuple(arguments[:6] if arguments[6] is None else arguments)
            changed = True
    return _result(graph_module, changed)


def _drop_expansions(graph_module: GraphModule) -> Any:
    """Leave out what expands a tensor to the size that it has, as each product of matrices does.

    Each would be a copy, and would cut the delegate in two.
    """
    from executorch.exir.dialects._ops import ops

    changed = False
    for node in _calls(graph_module, ops.edge.aten.expand_copy.default):
        source = node.args[0]
        if source.meta["val"].shape == node.meta["val"].shape:
            node.replace_all_uses_with(source)
            graph_module.graph.erase_node(node)
            changed = True
    return _result(graph_module, changed)


def _keep_tables_quantized(graph_module: GraphModule) -> Any:
    """Look rows up in the integers: a table would otherwise be widened to float at export.

    ExecuTorch does so itself for torchao's tensors, once the graph says nothing of padding, which
    matters in training alone.
    """
    from executorch.exir.dialects._ops import ops

    changed = False
    for node in _calls(graph_module, ops.edge.aten.embedding.default):
        table, tokens = node.args[:2]
        node.args = (table, tokens)
        changed = True
        if table.target == ops.edge.quantized_decomposed.dequantize_per_channel.default:
            integers, scales = table.args[:2]
            node.target = ops.edge.quantized_decomposed.embedding_byte.default
            node.args = (integers, scales, None, -128, 127, _as_int64(tokens, node))
        elif table.target == ops.edge.torchao.dequantize_affine.default and -128 in table.args:
            node.args = (table, _as_int64(tokens, node))
    graph_module.graph.eliminate_dead_code()
    return _result(graph_module, changed)


def _as_int64(tokens: Node, reader: Node) -> Node:
    """The numbers as int64: the kernel of ``embedding_byte`` stops the process at any other."""
    import torch
    from executorch.exir.dialects._ops import ops

    value = tokens.meta["val"]
    if value.dtype == torch.int64:
        return tokens
    with reader.graph.inserting_before(reader):
        cast = reader.graph.call_function(
            ops.edge.dim_order_ops._to_dim_order_copy.default,
            (tokens,),
            {"dtype": torch.int64, "dim_order": list(range(value.ndim))},
        )
    cast.meta["val"] = value.to(torch.int64)
    return cast


def _calls(graph_module: GraphModule, target: Any) -> list[Any]:
    return [node for node in graph_module.graph.nodes if node.target == target]


def _result(graph_module: GraphModule, changed: bool) -> Any:
    from torch.fx.passes.infra.pass_base import PassResult

    graph_module.recompile()
    return PassResult(graph_module, changed)


PASSES: list[Callable[[GraphModule], Any]] = [
    _exclude_padding,
    _drop_expansions,
    _keep_tables_quantized,
]
