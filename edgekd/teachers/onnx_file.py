"""A teacher in an ``.onnx`` file, run by ONNX Runtime on one thread of the processor.

A model may keep its weights in further files. They must lie in the model's own folder: a path that
leads out of it would make the runtime read any file of the user's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
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

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype("float32"),
    "tensor(float16)": np.dtype("float16"),
    "tensor(double)": np.dtype("float64"),
}
_ERRORS_ONLY = 3
_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")


def open_teacher(path: Path, spec: Teacher) -> OnnxTeacher:
    """Load a model with one floating point input and one output of scores.

    Raises:
        BadInput: damaged, several inputs or no scores, or external data outside its folder.
        MissingPackage: onnx or onnxruntime is not installed.
    """
    require("teachers", "onnx", "onnxruntime")
    import onnxruntime

    model = _read(path)
    parameters = sum(_weights(model))
    size_bytes = sum(file.stat().st_size for file in _files(model, path))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Without it, int8 sums saturate on x86 processors that have no VNNI, silently.
    options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        with quiet():
            session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
    except Exception as error:  # The binding's exceptions derive from Exception alone.
        raise BadInput(f"ONNX Runtime cannot load it: {reason(error)}", where=str(path)) from error
    return OnnxTeacher(session, path, spec, parameters, size_bytes)


class OnnxTeacher:
    """See :class:`edgekd.teachers.contract.LoadedTeacher`."""

    def __init__(
        self, session: Any, path: Path, spec: Teacher, parameters: int, size_bytes: int
    ) -> None:
        """Read the signature of a loaded model."""
        inputs, outputs = session.get_inputs(), session.get_outputs()
        only_input([node.name for node in inputs], path)
        if inputs[0].type not in _DTYPES:
            raise BadInput(
                f"its input {inputs[0].name!r} is a {inputs[0].type}",
                where=str(path),
                mend="a teacher takes floating point images or features",
            )
        # The runtime gives an empty shape where the rank is unknown.
        ranks = [len(node.shape) or None for node in outputs]
        self._output = outputs[only_scores([node.name for node in outputs], ranks, path)].name
        self._session, self._path, self._spec = session, path, spec
        self._input, self._dtype = inputs[0].name, _DTYPES[inputs[0].type]
        # A free dimension is a name or None.
        shape = [size if isinstance(size, int) else None for size in inputs[0].shape]
        self.input_shape: tuple[int | None, ...] | None = tuple(shape) or None
        self.class_names = tuple(spec.classes) if spec.classes else None
        self.parameters: int | None = parameters
        self.size_bytes: int | None = size_bytes

    def logits(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """See :meth:`edgekd.teachers.contract.LoadedTeacher.logits`."""
        fixed = None
        if self.input_shape is not None:
            check_shape(inputs, self.input_shape, self._path)
            fixed = self.input_shape[0]
        scores = run_in_batches(self._run, inputs, fixed)
        return finished(scores, self._spec.outputs, self.class_names, self._path)

    def _run(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        feeds = {self._input: batch.astype(self._dtype)}
        try:
            scores: npt.NDArray[Any] = self._session.run([self._output], feeds)[0]
        except Exception as error:  # The binding's exceptions derive from Exception alone.
            raise RunFailed(f"the inference failed: {reason(error)}", where=str(self._path)) from (
                error
            )
        return scores


def files_of(path: Path) -> list[Path]:
    """The model and the further files that hold its weights.

    Raises:
        BadInput: damaged, or a file of weights is missing or outside the model's folder.
        MissingPackage: onnx is not installed.
    """
    require("teachers", "onnx")
    return _files(_read(path), path)


def _read(path: Path) -> Any:
    import onnx

    try:
        return onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's own exception, or an OSError.
        raise BadInput("is not a whole ONNX file", where=str(path), mend=reason(error)) from error


def _files(model: Any, path: Path) -> list[Path]:
    import onnx

    locations = {
        entry.value
        for tensor, _ in _constants(model)
        for entry in tensor.external_data
        if tensor.data_location == onnx.TensorProto.EXTERNAL and entry.key == "location"
    }
    return [path, *(_external_file(path, location) for location in sorted(locations))]


def _external_file(path: Path, location: str) -> Path:
    folder = path.parent.resolve()
    file = (folder / location).resolve()
    if not file.is_relative_to(folder):
        raise BadInput(
            f"keeps weights outside its folder, in {location[:80]!r}; it is not loaded",
            where=str(path),
        )
    if not file.is_file():
        raise BadInput(
            f"lacks its file of weights {location[:80]!r}",
            where=str(path),
            mend="put it beside the model",
        )
    return file


def _weights(model: Any) -> Iterator[int]:
    """Size of each constant that is a weight.

    Not weights: shapes and indices (int64), single numbers, scales and zero points.
    """
    import onnx

    quantization = {
        name
        for body in _bodies(model)
        for node in body.node
        if node.op_type in _QUANTIZERS
        for name in node.input[1:]
    }
    not_weights = (onnx.TensorProto.INT64, onnx.TensorProto.BOOL, onnx.TensorProto.STRING)
    for tensor, name in _constants(model):
        if tensor.dims and tensor.data_type not in not_weights and name not in quantization:
            yield math.prod(tensor.dims)


def _constants(model: Any) -> Iterator[tuple[Any, str]]:
    """Every tensor in the file, with the name that nodes read it by."""
    for body in _bodies(model):
        sparse = list(getattr(body, "sparse_initializer", ()))
        for tensor in getattr(body, "initializer", ()):
            yield tensor, tensor.name
        for node in body.node:
            for attribute in node.attribute:
                sparse += [*attribute.sparse_tensors]
                sparse += [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
                for tensor in attribute.tensors:
                    yield tensor, ""
                if attribute.HasField("t"):
                    yield attribute.t, node.output[0] if node.output else ""
        for matrix in sparse:
            yield matrix.values, matrix.values.name
            yield matrix.indices, ""


def _bodies(model: Any) -> Iterator[Any]:
    """Everything that holds nodes: the graph, those inside its nodes, the model's functions."""
    pending = [model.graph, *model.functions]
    while pending:
        body = pending.pop()
        yield body
        for node in body.node:
            for attribute in node.attribute:
                pending += [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
