"""Rules of elementwise operators, poolings, reductions, resizes and activations."""

from __future__ import annotations

import math
from collections.abc import Callable

from edgekd.export.c.fixed_point import quantize_multiplier
from edgekd.export.c.graph import Tensor
from edgekd.export.c.reading.node import QUANTIZE_MEND, Node
from edgekd.export.c.reading.schema import TENSOR_TYPES
from edgekd.export.c.reading.windows import window_output

_STORED = ("int8", "uint8", "int16")
_LEAST = -128
# Of LiteRT's fixed point: ADD's left shift, and the fraction of softmax's exponent.
_ADD_BITS = 20
_EXPONENT_BITS = 26
# LiteRT computes the same bounds in float32.
_MARGIN = 0.999


def check_binary(node: Node) -> None:
    """ADD, SUB, MUL: int8, each with its own scale, sizes broadcast."""
    node.check_int8(*node.inputs, node.output())
    node.check_shape(_broadcast(node))


def check_add(node: Node) -> None:
    """ADD: LiteRT stops where a step of the output is finer than its 20 bits more than int8."""
    check_binary(node)
    widest = max(tensor.scale for tensor in node.inputs)
    if 2 * widest >= node.output().scale * 2**_ADD_BITS * _MARGIN:
        raise node.refuse("has an output scale far below its inputs'", "quantize the model again")


def check_extremum(node: Node) -> None:
    """MAXIMUM, MINIMUM: stored values are compared, so the scales are the same."""
    node.check_int8(*node.inputs, node.output())
    node.check_same_type(*node.inputs, node.output())
    node.check_shape(_broadcast(node))


def check_pooling(node: Node) -> None:
    """AVERAGE_POOL_2D, MAX_POOL_2D: the same scale before and after."""
    image, output = node.input(), node.output()
    node.check_int8(image, output)
    node.check_batch(image)
    node.check_same_type(image, output)
    window = node.operator.window
    assert window is not None
    size = window_output(window, window.kernel, image.shape[1], image.shape[2])
    node.check_shape((1, *size, image.shape[3]))


def check_reduction(node: Node) -> None:
    """MEAN, SUM over constant axes."""
    tensor = node.input()
    node.check_int8(tensor, node.output())
    rank = len(tensor.shape)
    axes = {node.axis(axis, rank) for axis in node.integers(1, "axes")}
    kept = (lambda i: 1) if node.operator.options["keep_dims"] else (lambda i: None)
    sizes = [kept(i) if i in axes else size for i, size in enumerate(tensor.shape)]
    node.check_shape(tuple(size for size in sizes if size is not None))


def check_arg_max(node: Node) -> None:
    """ARG_MAX along a constant axis, into int32 or int64."""
    tensor, output = node.input(), node.output()
    node.check_int8(tensor)
    axes = node.integers(1, "axis")
    named = TENSOR_TYPES.get(node.option("output_type"))
    if len(axes) != 1 or output.dtype not in ("int32", "int64") or output.dtype != named:
        raise node.refuse(f"has {len(axes)} axes and an output in {output.dtype}, named {named}")
    axis = node.axis(axes[0], len(tensor.shape))
    node.check_shape(tensor.shape[:axis] + tensor.shape[axis + 1 :])


def check_resize(node: Node) -> None:
    """RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR to a constant size, in the input's scale."""
    image = node.input()
    node.check_int8(image, node.output())
    node.check_rank(image, 4)
    node.check_batch(image)
    node.check_same_type(image, node.output())
    options = node.operator.options
    if options["align_corners"] and options["half_pixel_centers"]:
        raise node.refuse("has both align_corners and half_pixel_centers", "choose one of them")
    size = node.integers(1, "size")
    node.check_shape((1, *size, image.shape[3]))


def check_unary(node: Node) -> None:
    """One int8 tensor into another of the same shape and any scale."""
    node.check_int8(node.input(), node.output())
    node.check_shape(node.input().shape)


def check_root(node: Node) -> None:
    """SQRT, RSQRT: LiteRT stops at a negative value, so none may be representable.

    It stops RSQRT at zero too, which C cannot.
    """
    check_unary(node)
    if node.input().zero_point != _LEAST:
        raise node.refuse("has an input that may be negative", "put a RELU before it")


def check_table(scale: float, zero_point: int) -> Callable[[Node], None]:
    """SOFTMAX, LOGISTIC and others whose kernel writes one fixed scale and zero point."""

    def check(node: Node) -> None:
        check_unary(node)
        node.check_quantization(node.output(), scale, zero_point)

    return check


def check_softmax(node: Node) -> None:
    """SOFTMAX along the last dimension."""
    check_table(1 / 256, -128)(node)
    _check_exponent(node, float(node.operator.options["beta"]))


def check_log_softmax(node: Node) -> None:
    """LOG_SOFTMAX along the last dimension."""
    check_table(16 / 256, 127)(node)
    _check_exponent(node, 1.0)


def check_hard_swish(node: Node) -> None:
    """HARD_SWISH: LiteRT scales by less than 1 from 1/128 of the input's scale to the output's."""
    check_unary(node)
    _, shift = quantize_multiplier(node.input().scale / 128 / node.output().scale)
    if shift > 0:
        raise node.refuse("has an output scale far below its input's", "quantize the model again")


def check_leaky_relu(node: Node) -> None:
    """LEAKY_RELU with a finite slope."""
    check_unary(node)
    alpha = float(node.operator.options["alpha"])
    if not math.isfinite(alpha):
        raise node.refuse(f"has the slope {alpha}")


def check_prelu(node: Node) -> None:
    """PRELU: slopes are a constant that is broadcast to the input."""
    node.check_int8(*node.inputs, node.output())
    if node.input(1).data is None:
        raise node.refuse("gets its slopes at run time", "use constant slopes")
    if _broadcast(node) != node.input().shape:
        raise node.refuse(f"has slopes of shape {node.input(1).shape}")
    node.check_shape(node.input().shape)


def check_quantize(node: Node) -> None:
    """QUANTIZE: float32, or another integer type or scale, into an integer."""
    source, target = node.input(), node.output()
    _check_stored(node, target)
    if source.dtype != "float32":
        _check_stored(node, source)
    if source.dtype == "int16" and target.dtype == "uint8":
        raise node.refuse("turns int16 into uint8, which LiteRT does not", "go through int8")
    node.check_shape(source.shape)


def check_dequantize(node: Node) -> None:
    """DEQUANTIZE: an integer activation into float32."""
    source, target = node.input(), node.output()
    if source.data is not None:
        raise node.refuse(
            "turns constant weights into float32: a dynamic-range file, not a full-integer file",
            QUANTIZE_MEND,
        )
    _check_stored(node, source)
    if target.dtype != "float32":
        raise node.refuse(f"writes {target.dtype}, not float32")
    node.check_shape(source.shape)


def _check_exponent(node: Node, beta: float) -> None:
    """LiteRT counts exponents with 26 bits behind the point; a step must be more than one."""
    source = node.input()
    steps = beta * source.scale * 2**_EXPONENT_BITS * _MARGIN
    if not source.shape or not (math.isfinite(beta) and steps > 1):
        raise node.refuse(f"has the beta {beta:g} and an input scale of {source.scale:g}")


def _check_stored(node: Node, tensor: Tensor) -> None:
    if tensor.dtype not in _STORED:
        raise node.refuse(f"has a tensor of type {tensor.dtype}", "use int8, uint8 or int16")
    node.check_per_tensor(tensor)


def _broadcast(node: Node) -> tuple[int, ...]:
    """The shape that two inputs have together, as numpy's rules."""
    one, other = node.input(0).shape, node.input(1).shape
    rank = max(len(one), len(other))
    pairs = zip((1,) * (rank - len(one)) + one, (1,) * (rank - len(other)) + other, strict=True)
    sizes = []
    for a, b in pairs:
        if a != b and 1 not in (a, b):
            raise node.refuse(f"has inputs of shapes {one} and {other}")
        sizes.append(max(a, b))
    return tuple(sizes)
