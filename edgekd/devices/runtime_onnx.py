"""ONNX Runtime on its CPU provider: ``.onnx`` files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekd.devices.contract import Array, DType, Signature, TensorInfo
from edgekd.errors import BadInput, MissingPackage, RunFailed

_DTYPES: dict[str, DType] = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}
_ERRORS_ONLY = 3


class OnnxRuntime:
    """Sessions with all graph optimisations, or with none as the reference."""

    def __init__(self, threads: int) -> None:
        """Import the runtime; see :func:`edgekd.devices.runtimes.open_runtime`."""
        _module()
        self._threads = threads

    def load(self, path: Path, *, reference: bool) -> OnnxModel:
        """See :meth:`edgekd.devices.runtimes.Runtime.load`."""
        return OnnxModel(open_session(path, self._threads, reference=reference))


def open_session(path: Path, threads: int, *, reference: bool) -> Any:
    """Load an ``.onnx`` on the CPU provider.

    Args:
        path: the model.
        threads: of one inference.
        reference: without graph optimisations; otherwise with all.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        BadInput: the runtime cannot load it.
        MissingPackage: onnxruntime is not installed.
    """
    module = _module()
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Without it, int8 sums saturate on x86 processors that have no VNNI, silently.
    options.add_session_config_entry("session.x64quantprecision", "1")
    levels = module.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_DISABLE_ALL if reference else levels.ORT_ENABLE_ALL
    )
    try:
        return module.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # The binding's exceptions derive from Exception alone.
    except Exception as error:
        raise BadInput(f"ONNX Runtime cannot load it: {error}", where=str(path)) from error


class OnnxModel:
    """A session and its input binding: outputs stay in the runtime until they are asked for."""

    def __init__(self, session: Any) -> None:
        """Read the signature of a loaded model."""
        self._session = session
        self.signature = Signature(
            inputs=[_tensor_info(node) for node in session.get_inputs()],
            outputs=[_tensor_info(node) for node in session.get_outputs()],
        )
        self._binding = session.io_binding()
        for info in self.signature.outputs:
            self._binding.bind_output(info.name)
        self._bound: Sequence[Array] = ()

    def prepare(self, inputs: Sequence[Array]) -> None:
        """Bind the inputs; the binding reads the arrays' own memory, so they are kept."""
        for info, array in zip(self.signature.inputs, inputs, strict=True):
            self._binding.bind_cpu_input(info.name, array)
        self._bound = inputs

    def invoke(self) -> None:
        """Run one inference.

        Raises:
            RunFailed: a kernel failed.
        """
        try:
            self._session.run_with_iobinding(self._binding)
        # The binding's exceptions derive from Exception alone.
        except Exception as error:
            raise RunFailed(f"the inference failed: {error}") from error

    def results(self) -> list[Array]:
        """Copies of the outputs."""
        outputs: list[Array] = self._binding.copy_outputs_to_cpu()
        return outputs


def _tensor_info(node: Any) -> TensorInfo:
    if node.type not in _DTYPES:
        raise BadInput(f"the tensor {node.name!r} is of a type that cannot be run: {node.type}")
    # A dynamic dimension is a name or None.
    shape = [size if isinstance(size, int) else 1 for size in node.shape]
    return TensorInfo(name=node.name, shape=shape, dtype=_DTYPES[node.type])


def _module() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackage(
            "onnxruntime is not installed", mend='pip install "edgekd[onnx]"'
        ) from error
    return onnxruntime
