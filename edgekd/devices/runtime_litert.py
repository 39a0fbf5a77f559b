"""LiteRT: ``.tflite`` files through ``ai_edge_litert.interpreter``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from edgekd.devices.contract import Array, DType, Signature, TensorInfo
from edgekd.errors import BadInput, MissingPackage, RunFailed


class LitertRuntime:
    """The default resolver with XNNPACK, or the reference kernels (``BUILTIN_REF``)."""

    def __init__(self, threads: int) -> None:
        """Import the runtime; see :func:`edgekd.devices.runtimes.open_runtime`."""
        try:
            from ai_edge_litert import interpreter
        except ImportError as error:
            raise MissingPackage(
                "ai-edge-litert is not installed", mend='pip install "edgekd[tflite]"'
            ) from error
        self._module: Any = interpreter
        self._threads = threads

    def load(self, path: Path, *, reference: bool) -> LitertModel:
        """See :meth:`edgekd.devices.runtimes.Runtime.load`."""
        resolvers = self._module.OpResolverType
        try:
            interpreter = self._module.Interpreter(
                model_path=str(path),
                num_threads=self._threads,
                experimental_op_resolver_type=(
                    resolvers.BUILTIN_REF if reference else resolvers.BUILTIN
                ),
            )
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BadInput(f"LiteRT cannot load it: {error}", where=str(path)) from error
        return LitertModel(interpreter)


class LitertModel:
    """An interpreter with its tensors allocated."""

    def __init__(self, interpreter: Any) -> None:
        """Read the signature of a loaded model."""
        self._interpreter = interpreter
        inputs = interpreter.get_input_details()
        outputs = interpreter.get_output_details()
        self._input_indices = [details["index"] for details in inputs]
        self._output_indices = [details["index"] for details in outputs]
        self.signature = Signature(
            inputs=[_tensor_info(details) for details in inputs],
            outputs=[_tensor_info(details) for details in outputs],
        )

    def prepare(self, inputs: Sequence[Array]) -> None:
        """Copy the inputs into the interpreter's tensors."""
        for index, array in zip(self._input_indices, inputs, strict=True):
            self._interpreter.set_tensor(index, array)

    def invoke(self) -> None:
        """Run one inference.

        Raises:
            RunFailed: a kernel failed.
        """
        try:
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise RunFailed(f"the inference failed: {error}") from error

    def results(self) -> list[Array]:
        """Copies of the output tensors."""
        return [self._interpreter.get_tensor(index) for index in self._output_indices]


def _tensor_info(details: dict[str, Any]) -> TensorInfo:
    dtype = np.dtype(details["dtype"])
    if dtype.name not in get_args(DType):
        raise BadInput(f"the tensor {details['name']!r} is of a type that cannot be run: {dtype}")
    parameters = details["quantization_parameters"]
    scales, zero_points = parameters["scales"], parameters["zero_points"]
    quantized = len(scales) == 1 and dtype.kind in "iu"
    return TensorInfo(
        name=details["name"],
        shape=[int(size) for size in details["shape"]],
        dtype=cast(DType, dtype.name),
        scale=float(scales[0]) if quantized else None,
        zero_point=int(zero_points[0]) if quantized else None,
    )
