"""The files around the library: ``CMakeLists.txt`` and a short example."""

from __future__ import annotations

from edgekd.export.c.graph import Graph

CMAKE = """\
cmake_minimum_required(VERSION 3.13)
project(model C)

add_library(model STATIC model.c)
target_include_directories(model PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_compile_features(model PUBLIC c_std_99)
target_compile_options(model PRIVATE -O2 -ffunction-sections -fdata-sections)
set_target_properties(model PROPERTIES C_EXTENSIONS OFF)
"""

_EXAMPLE = """\
#include "model.h"
#include <stdio.h>
#include <string.h>

int main(void)
{{
    /* Fill the input: here with the value that stands for zero. */
    memset(model_arena + model_inputs[0].offset, {zero}, model_inputs[0].bytes);
    model_run(model_arena);
    const int8_t *output = (const int8_t *)(model_arena + model_outputs[0].offset);
    for (uint32_t i = 0; i < model_outputs[0].bytes; ++i)
        printf("%d\\n", output[i]);
    return 0;
}}
"""


def example_source(graph: Graph) -> str:
    """A program that runs one inference on the host or on a board with ``printf``."""
    source = graph.tensors[graph.inputs[0]]
    quantized = source.quantization is not None
    return _EXAMPLE.format(zero=source.zero_point if quantized else 0)
