"""Runs one model with LiteRT or ONNX Runtime inside the emulated phone, and answers requests.

It runs in the guest's Python: only the standard library, numpy and the runtime are there. Usage:

    worker.py RUNTIME MODEL BASELINE BEGIN END

The last three are the markers that the counting plugin knows. Requests come on standard input and
are answered on standard output as :mod:`edgekd.devices.arm64.protocol` describes. A model that
cannot be loaded ends it with exit status 3 and the reason as the last line of standard error.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import struct
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

DESCRIBE, RUN, COUNT, EMPTY, OPERATORS, SIGNATURE, SHAPES = 1, 2, 3, 5, 6, 7, 8
DONE, FAILED = 0, 1
CANNOT_LOAD = 3
REQUEST = struct.Struct("<IQ")
_ONNX_DTYPES = {
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

Tensor = dict[str, Any]


class Model(Protocol):
    """A loaded model: ``inputs`` and ``outputs`` as JSON, and one inference in three steps."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    invoke: Callable[[], None]

    def prepare(self, arrays: Sequence[Array]) -> None:
        """Hand over the inputs of the next inference."""

    def results(self) -> list[Array]:
        """Outputs of the last inference."""

    def operators(self) -> dict[str, Any]:
        """What ran where, in the runtime's own terms."""

    def choose(self, operation: int, payload: bytes) -> None:
        """Change to another signature, or to other shapes of the inputs."""


class Litert:
    """An interpreter of LiteRT with its default delegate, on one thread."""

    def __init__(self, path: str) -> None:
        """Load a file."""
        from ai_edge_litert import interpreter

        self._interpreter: Any = interpreter.Interpreter(model_path=path, num_threads=1)
        self._interpreter.allocate_tensors()
        self._graph = 0
        self._describe(
            self._interpreter.get_input_details(), self._interpreter.get_output_details()
        )
        self.invoke = self._interpreter.invoke

    def _describe(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self._input_indices = [details["index"] for details in inputs]
        self._output_indices = [details["index"] for details in outputs]
        self.inputs = [_litert_tensor(details) for details in inputs]
        self.outputs = [_litert_tensor(details) for details in outputs]

    def choose(self, operation: int, payload: bytes) -> None:
        """Change to a signature; its tensors then have the names that it gives them."""
        if operation != SIGNATURE:
            raise ValueError("the shapes of a .tflite are fixed")
        runner = self._interpreter.get_signature_runner(payload.decode())
        # The public call copies all inputs and outputs within the time that is counted.
        self._graph = runner._subgraph_index
        wrapper, graph = self._interpreter._interpreter, self._graph
        wrapper.AllocateTensors(graph)
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        self._describe(
            [{**details, "name": name} for name, details in inputs.items()],
            [{**details, "name": name} for name, details in outputs.items()],
        )
        self.invoke = lambda: wrapper.Invoke(graph)

    def prepare(self, arrays: Sequence[Array]) -> None:
        """Copy the inputs into the interpreter's tensors."""
        for index, array in zip(self._input_indices, arrays, strict=True):
            self._interpreter._interpreter.SetTensor(index, array, self._graph)

    def results(self) -> list[Array]:
        """Copies of the output tensors."""
        return [self._interpreter.get_tensor(index, self._graph) for index in self._output_indices]

    def operators(self) -> dict[str, Any]:
        """The graph's nodes, those of delegates included."""
        return {
            "nodes": [
                {
                    "name": node["op_name"],
                    "inputs": [int(index) for index in node["inputs"]],
                    "outputs": [int(index) for index in node["outputs"]],
                }
                for node in self._interpreter._get_ops_details()
            ]
        }


class Onnx:
    """A session of ONNX Runtime on its CPU provider, on one thread."""

    def __init__(self, path: str) -> None:
        """Load a file."""
        self._path = path
        self._session = self._open(profile=False)
        self.inputs = [_onnx_tensor(node) for node in self._session.get_inputs()]
        self.outputs = [_onnx_tensor(node) for node in self._session.get_outputs()]
        self._binding = self._session.io_binding()
        self._bind_outputs()
        self._bound: Sequence[Array] = ()
        run, binding = self._session.run_with_iobinding, self._binding
        self.invoke: Callable[[], None] = lambda: run(binding)

    def _bind_outputs(self) -> None:
        for info in self.outputs:
            self._binding.bind_output(info["name"])

    def _open(self, *, profile: bool) -> Any:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        options.enable_profiling = profile
        return onnxruntime.InferenceSession(self._path, options, providers=["CPUExecutionProvider"])

    def choose(self, operation: int, payload: bytes) -> None:
        """Change the shapes of the inputs; those of the outputs follow from a run on zeros."""
        if operation != SHAPES:
            raise ValueError("an .onnx has no signatures")
        sizes = [size for (size,) in struct.iter_unpack("<i", payload)]
        if len(sizes) != sum(len(info["shape"]) for info in self.inputs) or min(sizes) < 0:
            raise ValueError(f"{len(sizes)} sizes are not those of {len(self.inputs)} inputs")
        for info in self.inputs:
            rank = len(info["shape"])
            info["shape"], sizes = sizes[:rank], sizes[rank:]
        # A binding keeps the memory of its outputs, which is of the shapes before.
        self._binding.clear_binding_outputs()
        self._bind_outputs()
        self.prepare([np.zeros(info["shape"], info["dtype"]) for info in self.inputs])
        self.invoke()
        for info, array in zip(self.outputs, self.results(), strict=True):
            info["shape"] = list(array.shape)

    def prepare(self, arrays: Sequence[Array]) -> None:
        """Bind the inputs; the binding reads the arrays' own memory, so they are kept."""
        for info, array in zip(self.inputs, arrays, strict=True):
            self._binding.bind_cpu_input(info["name"], array)
        self._bound = arrays

    def results(self) -> list[Array]:
        """Copies of the outputs."""
        outputs: list[Array] = self._binding.copy_outputs_to_cpu()
        return outputs

    def operators(self) -> dict[str, Any]:
        """Kernels of each provider in one inference, by the profile of a session of its own."""
        session = self._open(profile=True)
        names = [info["name"] for info in self.inputs]
        session.run(None, dict(zip(names, self._bound, strict=True)))
        with open(session.end_profiling(), encoding="utf-8") as stream:
            events = [event["args"] for event in json.load(stream) if event["cat"] == "Node"]
        ran: dict[str, Counter[str]] = {}
        for arguments in events:
            if "provider" in arguments:
                ran.setdefault(arguments["provider"], Counter())[arguments["op_name"]] += 1
        return {"ran": ran}


def _litert_tensor(details: dict[str, Any]) -> Tensor:
    dtype = np.dtype(details["dtype"])
    parameters = details["quantization_parameters"]
    scales, zero_points = parameters["scales"], parameters["zero_points"]
    quantized = len(scales) == 1 and dtype.kind in "iu"
    return {
        "name": details["name"],
        "shape": [int(size) for size in details["shape"]],
        "dtype": dtype.name,
        "scale": float(scales[0]) if quantized else None,
        "zero_point": int(zero_points[0]) if quantized else None,
    }


def _onnx_tensor(node: Any) -> Tensor:
    # A dynamic dimension is a name or None.
    shape = [size if isinstance(size, int) else 1 for size in node.shape]
    return {"name": node.name, "shape": shape, "dtype": _ONNX_DTYPES.get(node.type, node.type)}


def _arrays(payload: bytes, inputs: Sequence[Tensor]) -> list[Array]:
    """The inputs of one inference, in memory of their own that can be written."""
    arrays, start = [], 0
    for info in inputs:
        shape, dtype = tuple(info["shape"]), np.dtype(info["dtype"])
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(payload, dtype, count, start).reshape(shape).copy()
        arrays.append(array)
        start += array.nbytes
    if start != len(payload):
        raise ValueError(f"{len(payload)} bytes are not the {start} that the inputs take")
    return arrays


class Worker:
    """Answers requests for one model."""

    def __init__(self, model: Model, markers: tuple[int, int, int]) -> None:
        """Keep the model and the markers of the counting plugin."""
        self._model = model
        self._baseline, self._begin, self._end = markers

    def answer(self, operation: int, payload: bytes) -> bytes:
        """Do what is asked, and give back the payload of the reply."""
        model = self._model
        if operation == DESCRIBE:
            return _json({"inputs": model.inputs, "outputs": model.outputs})
        if operation == OPERATORS:
            return _json(model.operators())
        if operation in (SIGNATURE, SHAPES):
            model.choose(operation, payload)
            return b""
        if operation == EMPTY:
            self._region(self._baseline, None)
            return b""
        if operation not in (RUN, COUNT):
            raise ValueError(f"there is no operation {operation}")
        model.prepare(_arrays(payload, model.inputs))
        if operation == COUNT:
            self._region(self._begin, model.invoke)
        else:
            model.invoke()
        return b"".join(np.ascontiguousarray(array).tobytes() for array in model.results())

    def _region(self, begin: int, invoke: Callable[[], None] | None) -> None:
        # isatty is an ioctl of its argument, and raises nothing where that is no descriptor.
        marker = os.isatty
        if invoke is None:
            marker(begin)
            marker(self._end)
        else:
            marker(begin)
            invoke()
            marker(self._end)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _serve(worker: Worker, requests: BinaryIO, replies: BinaryIO) -> None:
    while head := requests.read(REQUEST.size):
        operation, length = REQUEST.unpack(head)
        payload = requests.read(length)
        try:
            status, reply = DONE, worker.answer(operation, payload)
        # The runtimes' bindings raise exceptions of their own that derive from Exception alone.
        except Exception as error:
            status, reply = FAILED, str(error).encode()
        replies.write(REQUEST.pack(status, len(reply)) + reply)
        replies.flush()


def _import_runtime(runtime: str) -> None:
    if runtime == "litert":
        import ai_edge_litert.interpreter  # noqa: F401
    else:
        import onnxruntime  # noqa: F401


def main(runtime: str, path: str, *markers: str) -> None:
    """Load the model and serve until standard input ends."""
    # Native code prints to descriptor 1, too; the replies must not be mixed with that.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    baseline, begin, end = map(int, markers)
    _import_runtime(runtime)
    # Else the model would be loaded into what the imports left free, and seem to take no memory.
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    try:
        model: Model = Litert(path) if runtime == "litert" else Onnx(path)
    except Exception as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        sys.exit(CANNOT_LOAD)
    # A collection in the middle of a region would be counted.
    gc.collect()
    gc.disable()
    _serve(Worker(model, (baseline, begin, end)), sys.stdin.buffer, replies)


if __name__ == "__main__":
    main(*sys.argv[1:])
