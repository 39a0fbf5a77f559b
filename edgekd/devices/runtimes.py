"""The runtimes of this machine behind one interface, found by the name a target's profile gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from edgekd.devices.contract import Array, Signature
from edgekd.errors import BadInput

RUNTIMES = ("litert", "onnx", "executorch")


class LoadedModel(Protocol):
    """A model in memory, ready for single inferences."""

    signature: Signature

    def prepare(self, inputs: Sequence[Array]) -> None:
        """Hand over the inputs of the next inference.

        Args:
            inputs: one for each input, C-contiguous, in the artifact's shape and dtype.
        """
        ...

    def invoke(self) -> None:
        """Run one inference; this and nothing else is timed."""
        ...

    def results(self) -> list[Array]:
        """Copies of the outputs of the last inference, as stored."""
        ...


class Runtime(Protocol):
    """An imported runtime with its thread count set."""

    def load(self, path: Path, *, reference: bool) -> LoadedModel:
        """Load a file.

        Args:
            path: the artifact.
            reference: run the reference kernels, without delegates or graph optimisations.

        Raises:
            BadInput: the file is malformed, or has inputs or outputs that are not plain tensors.
            Unavailable: this runtime has no reference kernels.
        """
        ...


def open_runtime(name: str, threads: int) -> Runtime:
    """Import a runtime and set how many threads one inference uses.

    Raises:
        BadInput: there is no such runtime.
        MissingPackage: its package is not installed.
    """
    if name == "litert":
        from edgekd.devices.runtime_litert import LitertRuntime

        return LitertRuntime(threads)
    if name == "onnx":
        from edgekd.devices.runtime_onnx import OnnxRuntime

        return OnnxRuntime(threads)
    if name == "executorch":
        from edgekd.devices.runtime_executorch import ExecutorchRuntime

        return ExecutorchRuntime(threads)
    raise BadInput(f"there is no runtime {name!r}", mend=f"known: {', '.join(RUNTIMES)}")
