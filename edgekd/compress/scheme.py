"""Which quantization scheme a model gets at a precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgekd.records import Precision

if TYPE_CHECKING:
    import torch

QuantizedScheme = Literal["static-int8", "static-int4-weights", "grouped-int4"]
Scheme = Literal["float32", "float16"] | QuantizedScheme

GROUP_SIZE = 32


def scheme_of(model: torch.nn.Module, precision: Precision) -> Scheme:
    """The scheme of a model at a precision.

    ``static-int8`` has int8 weights per output channel and int8 activations with fixed ranges,
    ``static-int4-weights`` the same with int4 weights; embedding tables are int8 with one scale
    in both. ``grouped-int4`` has int4 weights in groups of 32 inputs and activations quantized to
    int8 at run time; it is for models whose weight layers are all linear with a multiple of 32
    inputs. Their embedding tables are int4 in groups too, see :func:`table_groups`.
    """
    if precision == "fp32":
        return "float32"
    if precision == "fp16":
        return "float16"
    if precision == "int4":
        return "grouped-int4" if _has_whole_groups(model) else "static-int4-weights"
    return "static-int8"


def table_groups(columns: int) -> tuple[int, int]:
    """Bits and group size of an embedding table of a ``grouped-int4`` model.

    A table whose rows do not divide into groups is int8 with a scale for each row.
    """
    return (4, GROUP_SIZE) if columns % GROUP_SIZE == 0 else (8, columns)


def _has_whole_groups(model: torch.nn.Module) -> bool:
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    if any(isinstance(module, _ConvNd) for module in model.modules()):
        return False
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return bool(linear) and all(module.in_features % GROUP_SIZE == 0 for module in linear)
