"""``model.c``: kernels, constants, one function for each layer, and the inference."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from edgekd.export.c.emit.constants import Constants
from edgekd.export.c.emit.kernels import kernel_sources
from edgekd.export.c.graph import Graph
from edgekd.export.c.memory import MemoryPlan
from edgekd.export.c.step import Step

_POINTERS = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float32": "float",
    "bool": "uint8_t",
}
# Headers that a library must do without on other cores.
_GUARDS = {"arm_acle.h": "__ARM_FEATURE_DSP", "arm_mve.h": "__ARM_FEATURE_MVE"}


def model_source(
    banner: str, graph: Graph, steps: Sequence[Step], plan: MemoryPlan, descriptors: str
) -> str:
    """The text of ``model.c``.

    Args:
        banner: comment at the top.
        graph: the tensors that the steps read and write.
        steps: in the order in which they run.
        plan: where tensors and scratch lie.
        descriptors: C definitions of the inputs' and outputs' descriptors.
    """
    constants = Constants()
    layers, calls = [], []
    for number, step in enumerate(steps):
        if step.aliases is not None:
            continue
        name = layer_name(number, step)
        layers.append(_layer(name, step, _names(number, step, graph, plan, constants)))
        calls.append(f"    {name}(arena);")
    headers, kernels = kernel_sources(name for step in steps for name in step.kernels)
    arena = (
        "#ifndef MODEL_OWN_ARENA\n"
        "__attribute__((aligned(MODEL_ARENA_ALIGNMENT))) uint8_t model_arena[MODEL_ARENA_BYTES];\n"
        "#endif\n"
    )
    run = "void model_run(uint8_t *arena)\n{\n" + "\n".join(calls or ["    (void)arena;"]) + "\n}\n"
    parts = [banner + '#include "model.h"\n' + _includes(headers), kernels, *constants.texts]
    return "\n".join([*parts, descriptors, arena, *layers, run])


def layer_name(number: int, step: Step) -> str:
    """The C function of a step: a profile finds layers by it."""
    return f"model_layer_{layer_title(number, step).replace(' ', '_')}"


def layer_title(number: int, step: Step) -> str:
    """A step as profiles and reports call it: ``3 conv_2d``."""
    return f"{number} {step.operator.kind.lower()}"


def _layer(name: str, step: Step, names: Mapping[str, str]) -> str:
    call = re.sub(r"\{(\w+)\}", lambda match: names[match[1]], step.call)
    body = "".join(f"    {line}\n" for line in call.splitlines())
    title = step.operator.place.replace("*/", "* /").replace("/*", "/ *")
    return (
        f"/* {title}: {step.variant} */\n"
        f"static __attribute__((noinline)) void {name}(uint8_t *arena)\n{{\n{body}}}\n"
    )


def _names(
    number: int, step: Step, graph: Graph, plan: MemoryPlan, constants: Constants
) -> dict[str, str]:
    """What each placeholder of a step's call stands for."""
    names = {name: constants.array(constant) for name, constant in step.constants.items()}
    for name, parameters in step.parameters.items():
        names[name] = constants.structure(parameters, names)
    for side, qualifier, indices in (
        ("input", "const ", step.reads),
        ("output", "", step.writes),
    ):
        for position, index in enumerate(indices):
            pointer = f"{qualifier}{_POINTERS[graph.tensors[index].dtype]} *"
            names[f"{side}{position}"] = f"({pointer})(arena + {plan.offsets[index]})"
    if step.scratch_bytes:
        names["scratch"] = f"(void *)(arena + {plan.scratch[number]})"
    return names


def _includes(headers: Sequence[str]) -> str:
    wanted = dict.fromkeys(("stdint.h", "string.h", *headers))
    lines = []
    for header in wanted:
        if header in _GUARDS:
            message = f'#error "these kernels need {_GUARDS[header]}: compile for the target core"'
            lines.append(f"#ifndef {_GUARDS[header]}\n{message}\n#endif")
        lines.append(f"#include <{header}>")
    return "\n".join(lines) + "\n"
