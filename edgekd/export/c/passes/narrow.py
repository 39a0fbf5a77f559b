"""A graph rewritten without some of its channels: shapes, weights, biases, constant operands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgekd.export.c.graph import ABSENT, Array, Graph, Operator, Quantization, Tensor
from edgekd.export.c.passes.coupling import channels, mixes_channels


def narrow(graph: Graph, kept: Mapping[int, Array], values: Mapping[int, Array]) -> Graph:
    """The graph with only some channels of its activations.

    Args:
        graph: to rewrite.
        kept: mask along the last axis for every activation, consistent with the operators.
        values: for 8-bit activations, what each channel holds less its zero point where that
            is constant; it goes into the bias of the layers that lose it.
    """
    changed = {
        index: replace(tensor, shape=(*tensor.shape[:-1], int(kept[index].sum())))
        for index, tensor in graph.tensors.items()
        if index in kept and not kept[index].all()
    }
    work = _Rewriter(graph, kept, values, {**graph.tensors, **changed})
    operators = tuple(work.rewrite(operator) for operator in graph.operators)
    return replace(graph, tensors=work.tensors, operators=operators).without_unused()


class _Rewriter:
    """Operators, one by one, onto narrower tensors; new constants get new indices."""

    def __init__(
        self,
        graph: Graph,
        kept: Mapping[int, Array],
        values: Mapping[int, Array],
        tensors: dict[int, Tensor],
    ) -> None:
        self._graph, self._kept, self._values, self.tensors = graph, kept, values, tensors

    def rewrite(self, operator: Operator) -> Operator:
        """The operator with its constants cut to the channels that stay."""
        named = [i for i in (*operator.inputs, *operator.outputs) if i in self._kept]
        if all(self._kept[index].all() for index in named):
            return operator
        if mixes_channels(operator, self._graph):
            return self._mixing(operator)
        if operator.kind == "DEPTHWISE_CONV_2D":
            return self._depthwise(operator)
        if operator.kind == "RESHAPE":
            shape = self.tensors[operator.outputs[0]].shape
            options = {**operator.options, "new_shape": shape}
            return replace(operator, inputs=operator.inputs[:1], options=options)
        return self._channelwise(operator)

    def _mixing(self, operator: Operator) -> Operator:
        source, filters = operator.inputs[:2]
        rows, columns = self._kept[operator.outputs[0]], self._kept[source]
        weights = self._graph.tensors[filters]
        assert weights.data is not None
        bias = self._folded_bias(operator)
        if bias != ABSENT:
            bias = self._cut(bias, rows, 0)
        inner = self._cut(filters, columns, weights.data.ndim - 1)
        return replace(operator, inputs=(source, self._cut(inner, rows, 0), bias))

    def _folded_bias(self, operator: Operator) -> int:
        """Index of the bias, after what the removed channels added to the sums."""
        source, filters, *rest = operator.inputs
        bias = rest[0] if rest else ABSENT
        removed = ~self._kept[source]
        weights = self._graph.tensors[filters]
        assert weights.data is not None
        totals = weights.data.astype(np.int64).reshape(weights.shape[0], -1, weights.shape[-1])
        added = totals.sum(1) @ (self._values.get(source, np.zeros_like(removed)) * removed)
        if not added.any():
            return bias
        tensor = self._bias(operator) if bias == ABSENT else self.tensors[bias]
        assert tensor.data is not None
        return self._add(replace(tensor, data=(tensor.data + added).astype(tensor.data.dtype)))

    def _bias(self, operator: Operator) -> Tensor:
        """A bias of zeros for a layer that has none."""
        source, weights = (self._graph.tensors[index] for index in operator.inputs[:2])
        assert weights.quantization is not None
        scales = tuple(source.scale * scale for scale in weights.quantization.scales)
        count = weights.shape[0]
        quantization = Quantization(scales, (0,) * len(scales))
        zeros = np.zeros(count, np.int32)
        return Tensor(f"{weights.name};bias", (count,), "int32", quantization, zeros)

    def _depthwise(self, operator: Operator) -> Operator:
        mask = self._kept[operator.outputs[0]]
        source, filters, *rest = operator.inputs
        bias = [i if i == ABSENT else self._cut(i, mask, 0) for i in rest]
        return replace(operator, inputs=(source, self._cut(filters, mask, 3), *bias))

    def _channelwise(self, operator: Operator) -> Operator:
        """Constant operands with as many channels as the output are cut too."""
        [output] = operator.outputs
        mask = self._kept[output]
        inputs = [
            self._cut(index, mask, len(self._graph.tensors[index].shape) - 1)
            if self._is_operand(operator, index, len(mask))
            else index
            for index in operator.inputs
        ]
        return replace(operator, inputs=tuple(inputs))

    def _is_operand(self, operator: Operator, index: int, count: int) -> bool:
        if operator.kind not in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"):
            return False
        constant = self._graph.constant(index)
        return constant is not None and channels(self._graph, index) == count

    def _cut(self, index: int, mask: Array, axis: int) -> int:
        """A constant with only some indices along an axis, as a tensor of its own."""
        tensor = self.tensors[index]
        assert tensor.data is not None
        if mask.all():
            return index
        data = np.ascontiguousarray(np.compress(mask, tensor.data, axis))
        quantization = tensor.quantization
        if quantization is not None and quantization.axis == axis and len(quantization.scales) > 1:
            scales = tuple(np.compress(mask, quantization.scales).tolist())
            zeros = quantization.zero_points
            zeros = tuple(np.compress(mask, zeros).tolist()) if len(zeros) > 1 else zeros
            quantization = Quantization(scales, zeros, axis)
        cut = replace(tensor, shape=data.shape, data=data, quantization=quantization)
        return self._add(cut)

    def _add(self, tensor: Tensor) -> int:
        index = max(self.tensors) + 1
        self.tensors[index] = tensor
        return index
