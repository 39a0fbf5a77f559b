"""Fusing of PAD into the convolutions that read it, which pad anyway."""

from __future__ import annotations

from dataclasses import replace

from edgekd.export.c.graph import Graph, Operator, Padding
from edgekd.export.c.passes.rewire import exchange, written

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def fuse_padding(graph: Graph) -> Graph:
    """The graph without the PADs that convolutions take over.

    That is exact where PAD puts the zero point around images only, since a convolution's own
    padding holds the zero point too. A PAD that something else reads as well stays, and so does
    one that is as wide as a kernel.
    """
    for output in written(graph):
        pad = graph.writer(output)
        added = None if pad is None else _image_padding(pad, graph)
        if pad is None or added is None:
            continue
        readers = graph.readers(pad.outputs[0])
        if pad.outputs[0] in graph.outputs or not readers:
            continue
        if all(_takes(reader, pad, added, graph) for reader in readers):
            for reader in readers:
                graph = exchange(graph, reader, _padded(reader, pad, added))
    return graph


def _image_padding(pad: Operator, graph: Graph) -> Padding | None:
    """What a PAD puts around images, ``None`` where it does anything else."""
    if pad.kind not in ("PAD", "PADV2"):
        return None
    amounts = graph.constant(pad.inputs[1])
    source, target = graph.tensors[pad.inputs[0]], graph.tensors[pad.outputs[0]]
    # Equal to the bit: the convolution's factors follow from the scale.
    if source.quantization is None or source.quantization != target.quantization:
        return None
    if amounts is None or amounts.shape != (4, 2) or amounts[[0, 3]].any() or amounts.min() < 0:
        return None
    if pad.kind == "PADV2":
        value = graph.constant(pad.inputs[2])
        if value is None or int(value.reshape(-1)[0]) != source.zero_point:
            return None
    (top, bottom), (left, right) = amounts[1:3].tolist()
    return Padding(top, bottom, left, right)


def _takes(reader: Operator, pad: Operator, added: Padding, graph: Graph) -> bool:
    if reader.kind not in _CONVOLUTIONS or reader.inputs[0] != pad.outputs[0]:
        return False
    if reader.inputs.count(pad.outputs[0]) > 1 or reader.window is None:
        return False
    _, height, width, _ = graph.tensors[reader.inputs[1]].shape
    rows = (height - 1) * reader.window.dilation[0] + 1
    columns = (width - 1) * reader.window.dilation[1] + 1
    total = _sum(reader.window.padding, added)
    # Every position of the kernel still sees some of the image.
    return max(total.top, total.bottom) < rows and max(total.left, total.right) < columns


def _padded(reader: Operator, pad: Operator, added: Padding) -> Operator:
    assert reader.window is not None
    window = replace(reader.window, padding=_sum(reader.window.padding, added))
    return replace(reader, inputs=(pad.inputs[0], *reader.inputs[1:]), window=window)


def _sum(one: Padding, other: Padding) -> Padding:
    return Padding(
        one.top + other.top,
        one.bottom + other.bottom,
        one.left + other.left,
        one.right + other.right,
    )
