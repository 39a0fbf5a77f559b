"""A tiny library by hand, in the form that the generator of C gives its own."""

from __future__ import annotations

from pathlib import Path

from edgekd.catalog import find_targets
from edgekd.target import Budget, Target

# One for each board.
TARGETS = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "riscv32")
ELEMENTS = 16
# output = input * 3 + 1, wrapped to 8 bits.
AFFINE = "output[index] = (int8_t)(input[index] * 3 + 1);"

_HEADER = """
#ifndef MODEL_H
#define MODEL_H
#include <stdint.h>
#define MODEL_ARENA_BYTES {arena_bytes}u
#define MODEL_ARENA_ALIGNMENT 16
#define MODEL_INPUT_COUNT 1
#define MODEL_OUTPUT_COUNT 1
#define MODEL_MAXIMUM_RANK 6
enum model_type {{ MODEL_INT8 = 1, MODEL_UINT8 = 2, MODEL_INT16 = 3, MODEL_INT32 = 4,
                  MODEL_FLOAT32 = 5, MODEL_BOOL = 6, MODEL_INT64 = 7 }};
struct model_tensor {{ const char *name; uint32_t offset; uint32_t bytes; uint8_t type;
                      uint8_t rank; uint32_t shape[MODEL_MAXIMUM_RANK]; float scale;
                      int32_t zero_point; }};
extern const struct model_tensor model_inputs[MODEL_INPUT_COUNT];
extern const struct model_tensor model_outputs[MODEL_OUTPUT_COUNT];
extern uint8_t model_arena[MODEL_ARENA_BYTES];
void model_run(uint8_t *arena);
#endif
"""
_SOURCE = """
#include "model.h"
#include <string.h>
const struct model_tensor model_inputs[MODEL_INPUT_COUNT] = {{
    {{"image", 0, {elements}, MODEL_INT8, 2, {{1, {elements}}}, 0.5f, 3}}}};
const struct model_tensor model_outputs[MODEL_OUTPUT_COUNT] = {{
    {{"class", {elements}, {elements}, MODEL_INT8, 2, {{1, {elements}}}, 0.0f, 0}}}};
__attribute__((aligned(16))) uint8_t model_arena[MODEL_ARENA_BYTES];
{globals}
__attribute__((noinline)) static void model_layer_0_affine(uint8_t *arena) {{
    const int8_t *input = (const int8_t *)arena;
    int8_t *output = (int8_t *)arena + {elements};
    for (int index = 0; index < {elements}; ++index) {{
        {loop}
    }}
}}
void model_run(uint8_t *arena) {{ model_layer_0_affine(arena); }}
"""


def write_library(
    folder: Path, *, loop: str = AFFINE, declarations: str = "", arena_bytes: int = 2 * ELEMENTS
) -> Path:
    """Write a library of one layer over 16 elements of int8.

    Args:
        loop: the layer's C for the element ``index`` of ``input`` and ``output``.
        declarations: C before the layer's function.
        arena_bytes: at least 32.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.h").write_text(_HEADER.format(arena_bytes=arena_bytes))
    source = _SOURCE.format(elements=ELEMENTS, loop=loop, globals=declarations)
    (folder / "model.c").write_text(source)
    return folder


def target_named(name: str, **budget: int) -> Target:
    """A shipped target, with another budget where one is given."""
    [target] = find_targets([name])
    return target.model_copy(update={"budget": Budget(**budget)}) if budget else target
