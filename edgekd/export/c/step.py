"""What an operator becomes: a call of kernels, their constants, and the memory they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from edgekd.export.c.graph import Array, Graph, Operator

Instructions = Literal["plain", "dsp", "mve"]
Flash = Literal["size", "speed"]
Role = Literal["weights", "bias", "table"]


@dataclass(frozen=True)
class Constant:
    """A ``static const`` array in flash; its symbol is ``model_<role>_<number>``.

    Attributes:
        role: ``weights``; ``bias`` for biases, multipliers, shifts; ``table`` for lookup tables.
        values: flat, of one of numpy's integer dtypes or float32; the C type follows from it.
    """

    role: Role
    values: Array


@dataclass(frozen=True)
class Parameters:
    """A ``static const struct <structure>`` in flash, for a kernel that takes many sizes.

    Attributes:
        structure: tag of the struct, declared by the kernel's file.
        fields: member to number, or to the name of a constant of the same step.
    """

    structure: str
    fields: Mapping[str, int | float | str]


@dataclass(frozen=True)
class Overlay:
    """When the output may lie over an input that nothing reads afterwards.

    Legal where ``offset(input) - offset(output)`` is at least ``distance`` and a multiple of
    ``multiple``. A kernel that reads each input element before it writes the output element at the
    same place, and works upwards, has distance 0.
    """

    distance: int
    multiple: int = 1


@dataclass(frozen=True)
class Step:
    """One operator, lowered.

    Attributes:
        operator: where it came from.
        kernels: files under ``kernels/`` without ``.h`` that the call needs; what these include
            follows.
        call: C statements. ``{input0}``, ``{output0}`` ... become ``arena + offset`` as
            ``int8_t *`` (or the tensor's C type), inputs ``const``, numbered over
            ``operator.inputs`` without its constants; ``{scratch}`` becomes ``void *``, aligned to
            8 bytes; names of ``constants`` and ``parameters`` become symbols (a parameters struct
            by its address).
        reads: activations, ``{input0}`` first.
        writes: activations, ``{output0}`` first.
        constants: by the name that ``call`` and the fields of ``parameters`` use.
        parameters: by the name that ``call`` uses.
        scratch_bytes: needed while it runs.
        overlays: position in ``reads`` to when ``writes[0]`` may lie over it.
        aliases: position in ``reads`` whose memory ``writes[0]`` is (RESHAPE); the call is empty.
        macs: multiply-accumulates of one inference.
        layers: operators that it computes; several where rows are streamed through them.
        variant: what was chosen and why, for the report: ``dsp, two channels in a halfword``.
    """

    operator: Operator
    kernels: tuple[str, ...]
    call: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    constants: Mapping[str, Constant] = field(default_factory=dict)
    parameters: Mapping[str, Parameters] = field(default_factory=dict)
    scratch_bytes: int = 0
    overlays: Mapping[int, Overlay] = field(default_factory=dict)
    aliases: int | None = None
    macs: int = 0
    layers: int = 1
    variant: str = "plain"


# Lowers one operator, or gives ``None`` where this way does not apply to it (sizes, ranges).
Lowering = Callable[[Operator, Graph, Flash], "Step | None"]
