"""Compiles a generated library for the host and runs it, sanitizers included where asked."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.export.c.generate import Library
from tests.export.c.models import ROWS

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class HostLibrary:
    """A library in this process."""

    library: Library
    loaded: ctypes.CDLL

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """One inference; every input and output in its stored type."""
        plan, graph = self.library.plan, self.library.graph
        memory = (ctypes.c_uint8 * (plan.arena_bytes + 16))()
        base = (ctypes.addressof(memory) + 15) // 16 * 16
        for index, values in zip(graph.inputs, inputs, strict=True):
            stored = np.ascontiguousarray(values)
            assert stored.nbytes == graph.tensors[index].bytes
            ctypes.memmove(base + plan.offsets[index], stored.ctypes.data, stored.nbytes)
        self.loaded.model_run(ctypes.c_void_p(base))
        return [self._output(base, index) for index in graph.outputs]

    def _output(self, base: int, index: int) -> Array:
        tensor = self.library.graph.tensors[index]
        buffer = (ctypes.c_uint8 * tensor.bytes).from_address(
            base + self.library.plan.offsets[index]
        )
        return np.frombuffer(bytes(buffer), tensor.dtype).reshape(tensor.shape)


def write_library(library: Library, folder: Path) -> None:
    """All files of a library."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in library.files.items():
        (folder / name).write_text(text, encoding="utf-8")


def build_for_host(library: Library, folder: Path, *flags: str) -> HostLibrary:
    """Compile with all warnings as errors, and load."""
    write_library(library, folder)
    shared = folder / "model.so"
    command = ["gcc", *WARNINGS, "-O1", "-shared", "-fPIC", *flags]
    subprocess.run([*command, "-o", str(shared), str(folder / "model.c")], check=True)
    return HostLibrary(library, ctypes.CDLL(str(shared)))


def random_inputs(library: Library, seed: int) -> list[Array]:
    """Whole range of every 8-bit input; floats around zero; numbers of rows in int32."""
    generator = np.random.default_rng(seed)
    values = []
    for index in library.graph.inputs:
        tensor = library.graph.tensors[index]
        if tensor.dtype == "float32":
            values.append(generator.normal(size=tensor.shape).astype(np.float32))
        elif tensor.dtype == "int32":
            values.append(generator.integers(0, ROWS, tensor.shape, np.int32))
        else:
            limits = np.iinfo(tensor.dtype)
            values.append(
                generator.integers(limits.min, limits.max, tensor.shape, tensor.dtype, True)
            )
    return values
