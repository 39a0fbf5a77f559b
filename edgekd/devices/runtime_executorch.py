"""ExecuTorch: ``.pte`` files through the wheel's own runtime, XNNPACK included."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgekd.devices.contract import Array, DType, Signature, TensorInfo
from edgekd.errors import BadInput, MissingPackage, RunFailed, Unavailable

# c10/core/ScalarType.h; ExecuTorch's portable_type/scalar_type.h keeps the same numbers.
_DTYPES: dict[int, DType] = {
    0: "uint8",
    1: "int8",
    2: "int16",
    3: "int32",
    4: "int64",
    5: "float16",
    6: "float32",
    7: "float64",
    11: "bool",
}
_METHOD = "forward"


class ExecutorchRuntime:
    """The runtime with the thread pool of its delegates set to ``threads``."""

    def __init__(self, threads: int) -> None:
        """Import the runtime; see :func:`edgekd.devices.runtimes.open_runtime`."""
        self._torch, self._bindings = _import_bindings()
        self._torch.set_num_threads(threads)
        # XNNPACK and the optimised kernels share a pool of their own, which torch does not govern.
        if self._bindings._threadpool_get_thread_count() != threads:
            self._bindings._unsafe_reset_threadpool(threads)

    def load(self, path: Path, *, reference: bool) -> ExecutorchModel:
        """See :meth:`edgekd.devices.runtimes.Runtime.load`."""
        if reference:
            raise Unavailable(
                "a .pte file has no reference kernels: its operators were bound at export",
                where=str(path),
            )
        try:
            program = self._bindings._load_program(
                str(path),
                program_verification=self._bindings.Verification.InternalConsistency,
            )
            method = program.load_method(_METHOD)
        except (RuntimeError, ValueError) as error:
            raise BadInput(f"ExecuTorch cannot load it: {error}", where=str(path)) from error
        return ExecutorchModel(self._torch, program, method)


class ExecutorchModel:
    """A program and its ``forward`` method."""

    def __init__(self, torch: Any, program: Any, method: Any) -> None:
        """Read the signature of a loaded method."""
        self._torch = torch
        self._program = program  # the method reads the program's memory
        self._method = method
        self.signature = _signature(method.method_meta())

    def prepare(self, inputs: Sequence[Array]) -> None:
        """Copy the inputs into the method's planned memory."""
        self._method.set_inputs(tuple(self._torch.from_numpy(array) for array in inputs))

    def invoke(self) -> None:
        """Run one inference.

        Raises:
            RunFailed: a kernel failed.
        """
        try:
            self._method.execute()
        except RuntimeError as error:
            raise RunFailed(f"the inference failed: {error}") from error

    def results(self) -> list[Array]:
        """Copies of the outputs."""
        return [output.numpy() for output in self._method.get_outputs(clone_outputs=True)]


def _import_bindings() -> tuple[Any, Any]:
    try:
        import torch

        # The public executorch.runtime is a thin layer over this module, but importing it brings
        # the whole exporter: 6 s and 140 MB in every process, where this takes torch's 1.5 s.
        from executorch.extension.pybindings import _portable_lib
    except ImportError as error:
        raise MissingPackage(
            "executorch is not installed", mend='pip install "edgekd[executorch]"'
        ) from error
    # Registers the quantized_decomposed kernels, for graphs that kept such nodes. It must come
    # after the bindings, which own the registry.
    import executorch.kernels.quantized  # noqa: F401

    return torch, _portable_lib


def _signature(meta: Any) -> Signature:
    try:
        inputs = [meta.input_tensor_meta(index) for index in range(meta.num_inputs())]
        outputs = [meta.output_tensor_meta(index) for index in range(meta.num_outputs())]
    except (RuntimeError, ValueError, IndexError) as error:
        raise BadInput(f"an input or output is not a tensor: {error}") from error
    return Signature(
        inputs=[_tensor_info(f"input_{index}", info) for index, info in enumerate(inputs)],
        outputs=[_tensor_info(f"output_{index}", info) for index, info in enumerate(outputs)],
    )


def _tensor_info(name: str, info: Any) -> TensorInfo:
    if info.dtype() not in _DTYPES:
        raise BadInput(f"{name} is of a type that cannot be run: ScalarType {info.dtype()}")
    shape = [int(size) for size in info.sizes()]
    return TensorInfo(name=name, shape=shape, dtype=_DTYPES[info.dtype()])
