"""A teacher in a ``.tflite`` file, run by LiteRT on one thread of the processor.

LiteRT verifies the file before it builds a graph of it, and runs only operators of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput, RunFailed
from edgekd.recipe import Teacher
from edgekd.teachers.signature import (
    check_shape,
    finished,
    only_input,
    only_scores,
    run_in_batches,
)
from edgekd.third_party import quiet, reason, require


def open_teacher(path: Path, spec: Teacher) -> TfliteTeacher:
    """Load a model with one input, floating point or quantized, and one output of scores.

    Raises:
        BadInput: damaged, operators that LiteRT does not have, several inputs or no scores.
        MissingPackage: ai-edge-litert is not installed.
    """
    require("teachers", "ai_edge_litert.interpreter")
    from ai_edge_litert.interpreter import Interpreter

    try:
        with quiet():
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BadInput(f"LiteRT cannot load it: {reason(error)}", where=str(path)) from error
    return TfliteTeacher(interpreter, path, spec)


class TfliteTeacher:
    """See :class:`edgekd.teachers.contract.LoadedTeacher`."""

    def __init__(self, interpreter: Any, path: Path, spec: Teacher) -> None:
        """Read the signature of a loaded model."""
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        only_input([details["name"] for details in inputs], path)
        names = [details["name"] for details in outputs]
        position = only_scores(names, [len(details["shape"]) for details in outputs], path)
        self._input, self._output = inputs[0], outputs[position]
        for details in (self._input, self._output):
            _check_type(details, path)
        self._interpreter, self._path, self._spec = interpreter, path, spec
        self._allocated = tuple(int(size) for size in self._input["shape"])
        shape = self._input["shape_signature"]
        if len(shape) == 0:
            shape = self._input["shape"]
        self.input_shape: tuple[int | None, ...] | None = tuple(
            int(size) if size >= 0 else None for size in shape
        )
        self.class_names = tuple(spec.classes) if spec.classes else None
        self.parameters: int | None = _parameters(path.read_bytes())
        self.size_bytes: int | None = path.stat().st_size

    def logits(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """See :meth:`edgekd.teachers.contract.LoadedTeacher.logits`."""
        assert self.input_shape is not None
        check_shape(inputs, self.input_shape, self._path)
        scores = run_in_batches(self._run, inputs, self.input_shape[0])
        step, _ = _quantization(self._output) or (0.0, 0)
        return finished(scores, self._spec.outputs, self.class_names, self._path, step)

    def _run(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        try:
            if batch.shape != self._allocated:
                with quiet():
                    self._interpreter.resize_tensor_input(self._input["index"], batch.shape)
                    self._interpreter.allocate_tensors()
                self._allocated = batch.shape
            self._interpreter.set_tensor(self._input["index"], _stored(batch, self._input))
            self._interpreter.invoke()
            outputs = self._interpreter.get_tensor(self._output["index"])
        except (ValueError, RuntimeError) as error:
            raise RunFailed(f"the inference failed: {reason(error)}", where=str(self._path)) from (
                error
            )
        return _real(outputs, self._output)


def _check_type(details: dict[str, Any], path: Path) -> None:
    if np.dtype(details["dtype"]).kind != "f" and _quantization(details) is None:
        raise BadInput(
            f"its tensor {details['name']!r} is {np.dtype(details['dtype'])} without a scale",
            where=str(path),
            mend="a teacher takes and gives floating point or quantized numbers",
        )


def _quantization(details: dict[str, Any]) -> tuple[float, int] | None:
    """Scale and zero point of a tensor quantized as a whole."""
    parameters = details["quantization_parameters"]
    if np.dtype(details["dtype"]).kind not in "iu" or len(parameters["scales"]) != 1:
        return None
    return float(parameters["scales"][0]), int(parameters["zero_points"][0])


def _stored(batch: npt.NDArray[np.float32], details: dict[str, Any]) -> npt.NDArray[Any]:
    dtype = np.dtype(details["dtype"])
    quantization = _quantization(details)
    if quantization is None:
        return batch.astype(dtype)
    scale, zero_point = quantization
    limits = np.iinfo(dtype)
    rounded = np.rint(batch / scale) + zero_point
    return np.asarray(np.clip(rounded, limits.min, limits.max), dtype=dtype)


def _real(stored: npt.NDArray[Any], details: dict[str, Any]) -> npt.NDArray[np.float32]:
    scale, zero_point = _quantization(details) or (1.0, 0)
    return (stored.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


def _parameters(content: bytes) -> int:
    """Sizes of the constants that are floating point or quantized; the others are shapes."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    floating = (
        schema.TensorType.FLOAT32,
        schema.TensorType.FLOAT16,
        schema.TensorType.BFLOAT16,
    )
    count = 0
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            buffer = model.buffers[tensor.buffer]
            constant = buffer.data is not None or buffer.size > 0
            scaled = tensor.quantization is not None and tensor.quantization.scale is not None
            if constant and (tensor.type in floating or scaled):
                count += int(np.prod(tensor.shape, dtype=np.int64)) if len(tensor.shape) else 0
    return count
