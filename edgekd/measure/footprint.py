"""What a network will need on a device, worked out before it is trained: a static estimate.

The network is run once on zeros, and each ATen operator is recorded with the activations that it
reads and writes. From that follow the lifetimes of the activations, and from these the arena.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from edgekd.errors import BadInput
from edgekd.records import Precision
from edgekd.third_party import reason

if TYPE_CHECKING:
    import torch

    _Operator = torch._ops.OpOverload[..., Any]

_WEIGHT_BITS: dict[Precision, int] = {"fp32": 32, "fp16": 16, "int8": 8, "int8-qat": 8, "int4": 4}
_SCALE_BYTES = 4
_INPUT = 0

# Names of ATen operators. Each of the first can apply an activation function to its own output.
_FUSES_ACTIVATION = {"convolution", "addmm", "mm", "bmm", "baddbmm", "native_batch_norm"}
_ELEMENTWISE_WITHOUT_TAG = {"hardswish", "hardswish_"}
_COPIES = {"clone", "_to_copy"}
_LOOKUP = "embedding"


@dataclass(frozen=True)
class Footprint:
    """A static estimate.

    Attributes:
        flash_bytes: weights, biases and scales.
        ram_bytes: the arena of the activations for one sample.
        macs: multiply-accumulates of convolutions and matrix products for one sample.
        parameters: elements of the weights and biases that the network reads.
        peak: the layer, and its operator, at which most activation bytes are alive.
    """

    flash_bytes: int
    ram_bytes: int
    macs: int
    parameters: int
    peak: str


@dataclass(frozen=True)
class Lifetime:
    """A tensor of ``size`` bytes that is in use from step ``first`` to step ``last``, inclusive."""

    first: int
    last: int
    size: int

    def overlaps(self, other: Lifetime) -> bool:
        """Whether there is a step at which both are in use."""
        return self.first <= other.last and other.first <= self.last


def estimate_footprint(
    network: torch.nn.Module,
    sample_shape: Sequence[int],
    precision: Precision,
    dtype: Literal["float32", "int32"] = "float32",
) -> Footprint:
    """Estimate the memory of a network from its graph alone: tensor bytes, not a measurement.

    A runtime adds its own to both figures: code, the file's structure, kernel scratch, tensor
    records, alignment. What is assumed of the tensors:

    - Flash: parameters and buffers that the network reads. Those of two and more dimensions are
      stored at the precision (int4: two to a byte) and, from int8 down, with a float32 scale for
      each index of their first dimension; int4 in groups of inputs has more scales, and float32
      activations, than assumed here. Vectors take 4 bytes an element, at fp16 2 bytes. Embedding
      tables have one scale, and take a byte an element at int4 too: no kernel looks int4 up for
      the integers that follow.
    - RAM: 1 byte an element at int8 and int4, otherwise 4 (fp16 stores, but computes in float32).
      Numbers of tokens take 4 bytes.
      The arena is packed well, see :func:`pack`; a planner that is greedy by size and no more,
      such as TensorFlow Lite Micro's, can need a larger one.
    - The operators run in the order of ``forward()``. An operator's inputs and outputs are alive
      together; no output is laid over its own input. So an addition has an output of its own.
    - The network's input is alive until it was last read, its outputs to the end.
    - Views, reshapes, changes of layout and dropout cost nothing.
    - An elementwise function of one tensor, such as ReLU, is part of the convolution, matrix
      product or elementwise operator before it, unless something else still reads that one's
      output. In-place operators count like those that are not.
    - Padding is part of the convolution that reads it. (TFLite can hold only its SAME padding so:
      a symmetric padding with a stride becomes a tensor of its own there.)
    - What follows from parameters alone is computed at export; what stays inside one ATen
      operator is not seen.

    Args:
        network: float32, in eval mode, on the CPU, with its batch normalization folded.
        sample_shape: of one input, without the batch axis.
        precision: that the network would be deployed at.
        dtype: of the input; int32 for numbers of tokens.

    Raises:
        BadInput: the network does not take this input.
    """
    recording, macs = _record(network, sample_shape, dtype)
    element_bytes = 1 if _WEIGHT_BITS[precision] <= 8 else 4
    lifetimes = _lifetimes(recording, element_bytes, 4 if dtype == "int32" else element_bytes)
    step, _ = live_peak(lifetimes)
    offsets = pack(lifetimes)
    read = recording.addresses_read
    weights = [tensor for tensor in network.parameters() if _address(tensor) in read]
    buffers = [tensor for tensor in network.buffers() if _address(tensor) in read]
    return Footprint(
        flash_bytes=sum(
            _stored_bytes(tensor, precision, is_table=_address(tensor) in recording.tables)
            for tensor in (*weights, *buffers)
        ),
        ram_bytes=max(at + life.size for at, life in zip(offsets, lifetimes, strict=True)),
        macs=macs,
        parameters=sum(tensor.numel() for tensor in weights),
        peak=recording.operations[step - 1].place if step else "input",
    )


def live_peak(lifetimes: Sequence[Lifetime]) -> tuple[int, int]:
    """The first step with most bytes alive, and these bytes: no arena can be smaller."""
    alive = {
        step: sum(life.size for life in lifetimes if life.first <= step <= life.last)
        for step in sorted({life.first for life in lifetimes})
    }
    return max(alive.items(), key=lambda item: item[1])


def pack(lifetimes: Sequence[Lifetime]) -> list[int]:
    """Offsets in one arena at which no two tensors that are alive together overlap.

    Greedy by size: the largest tensor first, each at the lowest free place among those already
    placed (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
    While that leaves the arena above :func:`live_peak`, the tensor that reaches highest is put
    first and all are placed anew; the best of as many rounds as there are tensors is kept.
    """
    order = sorted(range(len(lifetimes)), key=lambda index: (-lifetimes[index].size, index))
    _, bound = live_peak(lifetimes)
    best, best_top = offsets, top = _place(lifetimes, order)
    for _ in lifetimes:
        if best_top == bound:
            break
        highest = next(i for i in order if offsets[i] + lifetimes[i].size == top)
        order.remove(highest)
        order.insert(0, highest)
        offsets, top = _place(lifetimes, order)
        if top < best_top:
            best, best_top = offsets, top
    return best


def _place(lifetimes: Sequence[Lifetime], order: Sequence[int]) -> tuple[list[int], int]:
    """Put each tensor, in this order, as low as it goes. Returns offsets and the arena's size."""
    offsets: dict[int, int] = {}
    for index in order:
        life = lifetimes[index]
        neighbours = sorted(
            (at, at + lifetimes[other].size)
            for other, at in offsets.items()
            if life.overlaps(lifetimes[other])
        )
        offset = 0
        for start, end in neighbours:
            if start >= offset + life.size:
                break
            offset = max(offset, end)
        offsets[index] = offset
    top = max(at + lifetimes[index].size for index, at in offsets.items())
    return [offsets[index] for index in range(len(lifetimes))], top


@dataclass(frozen=True)
class _Operation:
    """One run of an ATen operator; activations are numbered, the network's input is 0."""

    operator: _Operator
    layer: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(self.operator.overloadpacket.__name__)

    @property
    def place(self) -> str:
        operator = self.name.strip("_")
        return f"{self.layer} ({operator})" if self.layer else operator

    @property
    def elementwise(self) -> bool:
        import torch

        return torch.Tag.pointwise in self.operator.tags or self.name in _ELEMENTWISE_WITHOUT_TAG


@dataclass
class _Recording:
    """The operators of one run. Two tensors are the same activation where they share storage."""

    operations: list[_Operation] = field(default_factory=list)
    elements: list[int] = field(default_factory=list)
    outputs: tuple[int, ...] = ()
    addresses_read: set[int] = field(default_factory=set)
    tables: set[int] = field(default_factory=set)
    _activations: dict[int, int] = field(default_factory=dict)
    # Storage that is freed could come back as another tensor's.
    _kept: list[torch.Tensor] = field(default_factory=list)

    def add(self, tensor: torch.Tensor) -> int:
        """Number a new activation."""
        self._bind(tensor, len(self.elements))
        self.elements.append(tensor.untyped_storage().nbytes() // tensor.element_size())
        return len(self.elements) - 1

    def numbers(self, values: object) -> tuple[int, ...]:
        """The activations among some values, each once."""
        found = (self._activations.get(_address(tensor)) for tensor in _tensors(values))
        return tuple(dict.fromkeys(number for number in found if number is not None))

    def operation(
        self, operator: _Operator, layer: str, arguments: object, results: object
    ) -> None:
        """Take in one operator that has just run."""
        self.addresses_read.update(map(_address, _tensors(arguments)))
        if operator.overloadpacket.__name__ == _LOOKUP:
            self.tables.add(_address(_tensors(arguments)[0]))
        reads = self.numbers(arguments)
        if not reads:
            return
        changes = operator._schema.is_mutable
        fresh = [t for t in _tensors(results) if changes or _address(t) not in self._activations]
        if operator.overloadpacket.__name__ in _COPIES:
            for tensor in fresh:
                self._bind(tensor, reads[0])
        elif fresh:
            writes = tuple(map(self.add, fresh))
            self.operations.append(_Operation(operator, layer, reads, writes))

    def _bind(self, tensor: torch.Tensor, number: int) -> None:
        self._kept.append(tensor)
        self._activations[_address(tensor)] = number


def _record(
    network: torch.nn.Module, sample_shape: Sequence[int], dtype: str
) -> tuple[_Recording, int]:
    """Run a network on one sample of zeros. Returns its operators and its multiply-accumulates."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    recording = _Recording()
    sample = torch.zeros(1, *sample_shape, dtype=getattr(torch, dtype))
    recording.add(sample)
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), _whole_attention(), counter, _recorder(recording):
            outputs = network(sample)
    # The network's own code may raise anything.
    except Exception as error:
        raise BadInput(
            f"the network does not take inputs of shape {list(sample_shape)}: {reason(error)}"
        ) from error
    recording.outputs = recording.numbers(outputs)
    return recording, int(counter.get_total_flops()) // 2


@contextmanager
def _recorder(recording: _Recording) -> Iterator[None]:
    """Hand each operator that runs to the recording."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.module_tracker import ModuleTracker

    modules = ModuleTracker()

    class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            results = func(*args, **(kwargs or {}))
            # Names are paths, so the innermost is the longest; they begin with the root's class.
            layer = max(modules.parents - {"Global"}, key=len, default="").partition(".")[2]
            recording.operation(func, layer, (args, kwargs), results)
            return results

    with modules, Recorder():  # type: ignore[no-untyped-call]
        yield


@contextmanager
def _whole_attention() -> Iterator[None]:
    """Attention as its single operators: a fused one would hide its intermediate results."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)


def _lifetimes(recording: _Recording, element_bytes: int, input_bytes: int) -> list[Lifetime]:
    """Lifetimes of the memory blocks; operator ``i`` of the recording runs at step ``i + 1``.

    Args:
        recording: of the network.
        element_bytes: of an element of an activation.
        input_bytes: of an element of the input.
    """
    end = len(recording.operations) + 1
    readers: dict[int, list[str]] = defaultdict(list)
    first, last = {_INPUT: 0}, {_INPUT: 0}
    for step, operation in enumerate(recording.operations, 1):
        first.update(dict.fromkeys(operation.writes, step))
        last.update(dict.fromkeys(operation.reads, step))
        for read in operation.reads:
            readers[read].append(operation.name)
    last.update(dict.fromkeys(recording.outputs, end))

    block_of = {number: number for number in first}
    for step, operation in enumerate(recording.operations, 1):
        source, result = block_of[operation.reads[0]], operation.writes[0]
        padding = operation.name == "constant_pad_nd" and set(readers[result]) == {"convolution"}
        if padding or (last[source] == step and _fuses(recording, first[source], operation)):
            block_of[result] = source
            last[source] = max(last[source], last.pop(result, step))
    # What is in no block of its own, and what nothing reads, takes no memory.
    sizes = [elements * element_bytes for elements in recording.elements]
    sizes[_INPUT] = recording.elements[_INPUT] * input_bytes
    return [
        Lifetime(first[number], last[number], sizes[number])
        for number in first
        if block_of[number] == number and number in last
    ]


def _fuses(recording: _Recording, source_step: int, operation: _Operation) -> bool:
    """Whether an operation can be part of the one that first wrote its only operand."""
    if not source_step or not operation.elementwise or len(operation.reads) != 1:
        return False
    source = recording.operations[source_step - 1]
    sizes = {recording.elements[number] for number in operation.reads + operation.writes}
    return len(sizes) == 1 and (source.elementwise or source.name in _FUSES_ACTIVATION)


def _stored_bytes(tensor: torch.Tensor, precision: Precision, *, is_table: bool) -> int:
    if tensor.ndim < 2:
        return tensor.numel() * (2 if precision == "fp16" else 4)
    bits = max(8, _WEIGHT_BITS[precision]) if is_table else _WEIGHT_BITS[precision]
    scales = (1 if is_table else tensor.shape[0]) * _SCALE_BYTES if bits <= 8 else 0
    return -(-tensor.numel() * bits // 8) + scales


def _tensors(values: object) -> list[torch.Tensor]:
    import torch
    from torch.utils._pytree import tree_leaves

    return [v for v in tree_leaves(values) if isinstance(v, torch.Tensor) and v.numel()]


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
