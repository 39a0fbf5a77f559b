"""``model.h`` and the descriptors of inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekd.export.c.graph import Graph, Tensor
from edgekd.export.c.memory import MemoryPlan

MAXIMUM_RANK = 6
ARENA_ALIGNMENT = 16
_TYPES = {
    "int8": "MODEL_INT8",
    "uint8": "MODEL_UINT8",
    "int16": "MODEL_INT16",
    "int32": "MODEL_INT32",
    "float32": "MODEL_FLOAT32",
    "bool": "MODEL_BOOL",
    "int64": "MODEL_INT64",
}

_HEADER = """\
{banner}#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* Tensors and scratch of one inference. */
#define MODEL_ARENA_BYTES {arena_bytes}u
#define MODEL_ARENA_ALIGNMENT {alignment}
#define MODEL_INPUT_COUNT {inputs}
#define MODEL_OUTPUT_COUNT {outputs}
#define MODEL_MAXIMUM_RANK {rank}

enum model_type {{
    MODEL_INT8 = 1,
    MODEL_UINT8 = 2,
    MODEL_INT16 = 3,
    MODEL_INT32 = 4,
    MODEL_FLOAT32 = 5,
    MODEL_BOOL = 6,
    MODEL_INT64 = 7
}};

/* An input or output. Real value = scale * (stored - zero_point); a scale of 0 means that it is
   not quantized. */
struct model_tensor {{
    const char *name;
    uint32_t offset; /* of its first element in the arena */
    uint32_t bytes;
    uint8_t type; /* an enum model_type */
    uint8_t rank;
    uint32_t shape[MODEL_MAXIMUM_RANK];
    float scale;
    int32_t zero_point;
}};

extern const struct model_tensor model_inputs[MODEL_INPUT_COUNT];
extern const struct model_tensor model_outputs[MODEL_OUTPUT_COUNT];

/* Define MODEL_OWN_ARENA for model.c to leave this one out and to pass memory of your own,
   aligned to MODEL_ARENA_ALIGNMENT bytes. */
extern uint8_t model_arena[MODEL_ARENA_BYTES];

/* One inference: reads the inputs in the arena and writes the outputs into it. Inputs may be
   overwritten. A number that names no row of a table counts as 0. Keeps nothing between calls:
   calls with different arenas may run at once. */
void model_run(uint8_t *arena);

#ifdef __cplusplus
}}
#endif

#endif
"""


def model_header(banner: str, graph: Graph, plan: MemoryPlan) -> str:
    """The text of ``model.h``."""
    return _HEADER.format(
        banner=banner,
        arena_bytes=plan.arena_bytes,
        alignment=ARENA_ALIGNMENT,
        inputs=len(graph.inputs),
        outputs=len(graph.outputs),
        rank=MAXIMUM_RANK,
    )


def model_descriptors(graph: Graph, plan: MemoryPlan) -> str:
    """C definitions of ``model_inputs`` and ``model_outputs``."""
    return "\n".join(
        f"const struct model_tensor {symbol}[{count}] = {{\n"
        + "".join(_descriptor(graph.tensors[index], plan.offsets[index]) for index in indices)
        + "};\n"
        for symbol, count, indices in (
            ("model_inputs", "MODEL_INPUT_COUNT", graph.inputs),
            ("model_outputs", "MODEL_OUTPUT_COUNT", graph.outputs),
        )
    )


def _descriptor(tensor: Tensor, offset: int) -> str:
    quantization = tensor.quantization
    whole = quantization is not None and len(quantization.scales) == 1
    scale = float(np.float32(tensor.scale)).hex() if whole else "0.0"
    shape = ", ".join(str(size) for size in _padded(tensor.shape))
    return (
        f'    {{"{_quoted(tensor.name)}", {offset}u, {tensor.bytes}u, {_TYPES[tensor.dtype]}, '
        f"{len(tensor.shape)}, {{{shape}}}, {scale}f, {tensor.zero_point if whole else 0}}},\n"
    )


def _padded(shape: Sequence[int]) -> list[int]:
    return [*shape, *[0] * (MAXIMUM_RANK - len(shape))]


def _quoted(text: str) -> str:
    """Printable ASCII without what has a meaning in a C string; ``?`` would start a trigraph."""
    return "".join(c if " " <= c <= "~" and c not in '"\\?' else "_" for c in text)
