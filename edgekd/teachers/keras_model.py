"""A teacher of Keras or TensorFlow: ``.keras``, the older ``.h5``, or the folder of a SavedModel.

The files of Keras are descriptions of layers: they are read in its safe mode, and a layer that
carries code is refused before. A SavedModel is a program of TensorFlow's own operators. It cannot
run Python, but operators that read and write files exist; a model that has one is refused. What
remains is the trust that any graph needs: it may use as much memory and time as it likes.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput, RunFailed
from edgekd.files import files_below
from edgekd.recipe import Teacher
from edgekd.teachers.names import listed
from edgekd.teachers.signature import (
    check_shape,
    finished,
    only_input,
    only_scores,
    run_in_batches,
)
from edgekd.third_party import environment_variable, quiet, reason, require

MAX_UNPACKED_BYTES = 16 * 1024**3
MAX_CONFIG_BYTES = 64 * 1024**2
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_SIGNATURE = "serving_default"
_LAYER_MODULE = re.compile(
    r"builtins|keras|keras(\.src)?\.(activations|constraints|dtype_policies|initializers|layers"
    r"|models|ops|random|regularizers)(\.\w+)*"
)
_CODE = ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_FILE_OPERATORS = frozenset(
    (
        *("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc"),
        *("PrintV2", "DebugIdentity", "DebugIdentityV2", "WholeFileReader", "WholeFileReaderV2"),
        *("TextLineDataset", "TFRecordDataset", "TFRecordDatasetV2", "FixedLengthRecordDataset"),
    )
)


def open_teacher(path: Path, spec: Teacher) -> KerasTeacher:
    """Load a model with one input and one output of scores; takes seconds and some 700 MB.

    Raises:
        BadInput: damaged, of another kind, code or file operators inside, several inputs or no
            scores.
        MissingPackage: tensorflow is not installed.
    """
    with _silent_tensorflow():
        require("teachers", "tensorflow", "keras")
        import tensorflow

        # The memory of a GPU is torch's: TensorFlow would take all of it.
        with suppress(RuntimeError):
            tensorflow.config.set_visible_devices([], "GPU")
        try:
            return _open_saved_model(path, spec) if path.is_dir() else _open_file(path, spec)
        except BadInput:
            raise
        except Exception as error:  # The loaders raise what the damage makes them raise.
            raise BadInput(f"Keras cannot load it: {reason(error)}", where=str(path)) from error


class KerasTeacher:
    """See :class:`edgekd.teachers.contract.LoadedTeacher`."""

    def __init__(
        self,
        run: Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]],
        input_shape: Sequence[int | None] | None,
        parameters: int,
        path: Path,
        spec: Teacher,
    ) -> None:
        """Hold a model that was loaded; ``run`` takes a batch to its scores."""
        self._run_model, self._path, self._spec = run, path, spec
        self.input_shape = tuple(input_shape) if input_shape is not None else None
        self.class_names = tuple(spec.classes) if spec.classes else None
        self.parameters: int | None = parameters
        files = files_below(path) if path.is_dir() else [path]
        self.size_bytes: int | None = sum(file.stat().st_size for file in files)

    def logits(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """See :meth:`edgekd.teachers.contract.LoadedTeacher.logits`."""
        fixed = None
        if self.input_shape is not None:
            check_shape(inputs, self.input_shape, self._path)
            fixed = self.input_shape[0]
        with quiet():
            scores = run_in_batches(self._run, inputs, fixed)
        return finished(scores, self._spec.outputs, self.class_names, self._path)

    def _run(self, batch: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        try:
            return self._run_model(batch)
        except Exception as error:  # Any operator may fail in its own way.
            raise RunFailed(f"the inference failed: {reason(error)}", where=str(self._path)) from (
                error
            )


def _open_file(path: Path, spec: Teacher) -> KerasTeacher:
    import keras

    _check_layers(_config(path), path)
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    only_input([tensor.name for tensor in model.inputs], path)
    shapes = [tuple(tensor.shape) for tensor in model.outputs]
    names = [tensor.name for tensor in model.outputs]
    position = only_scores(names, [len(shape) for shape in shapes], path)

    def run(batch: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        outputs = keras.tree.flatten(model(batch, training=False))
        return np.asarray(keras.ops.convert_to_numpy(outputs[position]))

    return KerasTeacher(run, model.inputs[0].shape, model.count_params(), path, spec)


def _config(path: Path) -> Any:
    """The description of the layers, read without Keras."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise BadInput("unpacks to more than 16 GiB", where=str(path))
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                raise BadInput("its config.json is too large", where=str(path))
            return json.loads(archive.read("config.json"))
    import h5py

    if not h5py.is_hdf5(path):
        raise BadInput(
            "is not a whole .keras or .h5 file, nor the folder of a SavedModel", where=str(path)
        )
    with h5py.File(path, "r") as stream:
        config = stream.attrs.get("model_config")
    if config is None:
        raise BadInput(
            "holds weights without a model", where=str(path), mend="save it with model.save()"
        )
    return json.loads(config)


def _check_layers(config: Any, path: Path) -> None:
    """Refuse layers that carry code, and names from anywhere but Keras' rooms of layers."""
    if isinstance(config, dict):
        # How it was trained; not loaded.
        config.pop("compile_config", None)
    pending = [config]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending += current
        elif isinstance(current, dict):
            name, module = current.get("class_name"), current.get("module")
            if name in _CODE:
                raise BadInput(
                    f"has a layer {name}, which carries code; it is not loaded",
                    where=str(path),
                    mend="build it of plain layers, or convert the model to ONNX",
                )
            if "class_name" in current and module and not _LAYER_MODULE.fullmatch(str(module)):
                raise BadInput(
                    f"has a layer {str(name)[:80]} of {str(module)[:80]}, which is not Keras' own",
                    where=str(path),
                    mend="build it of plain layers, or convert the model to ONNX",
                )
            pending += current.values()


def _open_saved_model(path: Path, spec: Teacher) -> KerasTeacher:
    import tensorflow

    _check_operators(path)
    loaded = tensorflow.saved_model.load(str(path))
    known = list(loaded.signatures)
    if _SIGNATURE not in known and len(known) != 1:
        raise BadInput(
            f"has no signature {_SIGNATURE!r} but {listed(known) or 'none'}", where=str(path)
        )
    function = loaded.signatures[_SIGNATURE if _SIGNATURE in known else known[0]]
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    only_input(list(inputs), path)
    (name, tensor), names = next(iter(inputs.items())), list(outputs)
    if not tensor.dtype.is_floating:
        raise BadInput(f"its input {name!r} is {tensor.dtype.name}", where=str(path))
    output = names[only_scores(names, [outputs[key].shape.rank for key in names], path)]

    def run(batch: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        # The loaded object is named here so that its variables live as long as the function.
        assert loaded.signatures
        constant = tensorflow.constant(batch, dtype=tensor.dtype)
        return np.asarray(function(**{name: constant})[output].numpy())

    parameters = sum(math.prod(variable.shape) for variable in function.variables)
    shape = None if tensor.shape.rank is None else tensor.shape.as_list()
    return KerasTeacher(run, shape, parameters, path, spec)


def _check_operators(path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    file = path / "saved_model.pb"
    if not file.is_file():
        raise BadInput("is no folder of a SavedModel: it has no saved_model.pb", where=str(path))
    program = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    used = set(_operators(program))
    refused = sorted(used & _FILE_OPERATORS)
    if refused:
        raise BadInput(
            f"has operators that reach files or Python ({listed(refused)}); it is not loaded",
            where=str(path),
            mend="export the model again with its scores alone, or convert it to ONNX",
        )


def _operators(program: Any) -> Iterator[str]:
    for meta_graph in program.meta_graphs:
        yield from (node.op for node in meta_graph.graph_def.node)
        for function in meta_graph.graph_def.library.function:
            yield from (node.op for node in function.node_def)


@contextmanager
def _silent_tensorflow() -> Iterator[None]:
    """Hold back what TensorFlow writes while it is imported and while it loads."""
    with quiet(), environment_variable(_LOG_LEVEL, "3"):
        yield
