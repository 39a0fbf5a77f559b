"""What a device is asked, and what it answers.

A device runs an artifact somewhere: in a process here, in an emulator, on a phone, on a board.
:class:`Device` is what the rest of edgekd sees. :class:`Job` and :class:`Result` are what travels
to that somewhere and back as JSON, with the arrays beside them in ``.npy`` files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from edgekd.records import DeviceFacts, Estimate, Latency, LoadTime, Memory, Profile, Record
from edgekd.target import Target

Array = npt.NDArray[Any]
DType = Literal[
    "float32",
    "float16",
    "float64",
    "int8",
    "uint8",
    "int16",
    "int32",
    "int64",
    "bool",
]
JOB_FILE = "job.json"
RESULT_FILE = "result.json"


class TensorInfo(Record):
    """One input or output as the artifact declares it.

    Attributes:
        name: the file's own name for it.
        shape: with the batch dimension, dynamic dimensions set to 1.
        dtype: what is stored.
        scale: ``real = scale * (stored - zero_point)`` where the tensor is quantized and the file
            says how.
        zero_point: see ``scale``.
    """

    name: str
    shape: list[int]
    dtype: DType
    scale: float | None = None
    zero_point: int | None = None


class Signature(Record):
    """The artifact's inputs and outputs in its own order."""

    inputs: list[TensorInfo]
    outputs: list[TensorInfo]


class Job(Record):
    """One pass over one artifact.

    Attributes:
        task: ``describe`` reads the signature, the others also run the model.
        artifact: path of the file on the machine that runs it.
        runtime: which runtime loads it.
        threads: threads of one inference.
        reference: use the runtime's reference kernels instead of its fast ones.
        inputs: ``.npy`` files beside the job, one for each input; none: random ones are made.
        seed: of the random inputs.
        timeout_seconds: the runner stops itself after this time.
    """

    task: Literal["describe", "outputs", "latency", "memory"]
    artifact: str
    runtime: str
    threads: int = Field(ge=1, le=64)
    reference: bool = False
    inputs: list[str] = Field(default_factory=list)
    seed: int = Field(default=0, ge=0)
    timeout_seconds: float = Field(gt=0)


class LatencyRun(Record):
    """One timed loop: the raw samples are in a ``.npy`` file (float64 milliseconds) beside it.

    Attributes:
        samples: file name.
        n: number of samples.
        warmup: inferences dropped before them.
        wall_seconds: of the timed loop.
        process_cpu_seconds: CPU time of all threads in it.
        main_thread_cpu_seconds: CPU time of the calling thread in it.
    """

    samples: str
    n: int = Field(ge=1)
    warmup: int = Field(ge=0)
    wall_seconds: float = Field(ge=0)
    process_cpu_seconds: float = Field(ge=0)
    main_thread_cpu_seconds: float = Field(ge=0)


class Problem(Record):
    """An error of :mod:`edgekd.errors` on its way back."""

    kind: Literal["BadInput", "RunFailed", "MissingPackage", "Unavailable"]
    what: str
    where: str = ""
    mend: str = ""


class Result(Record):
    """What one pass found; ``problem`` is set where it found nothing else."""

    signature: Signature | None = None
    outputs: list[str] = Field(default_factory=list)
    latency: LatencyRun | None = None
    memory: Memory | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class Figures:
    """The part of a :class:`edgekd.records.Measurement` that a device fills in.

    Attributes:
        reasons: why the figures are invalid, one line each; empty: they are valid.
        load_ms: of a device only.
        samples_ms: ``[n]`` raw latency samples in the order they were taken.
        instruction_counts: of each input that was counted; ``instructions`` is their mean.
        profile: where instructions and bytes went, under emulation.
        estimate: of the same run, by a model of the core; becomes a record of its own.
        assumptions: of figures that are an estimate themselves.
        device_facts: what a phone says of itself.
    """

    reasons: list[str] = field(default_factory=list)
    latency_ms: Latency | None = None
    load_ms: LoadTime | None = None
    samples_ms: npt.NDArray[np.float64] | None = None
    instructions: int | None = None
    instruction_counts: list[int] = field(default_factory=list)
    cycles: int | None = None
    memory: Memory = field(default_factory=Memory)
    profile: Profile | None = None
    estimate: Estimate | None = None
    assumptions: list[str] = field(default_factory=list)
    device_facts: DeviceFacts | None = None


class Device(Protocol):
    """One way of running an artifact. Registered by name in :mod:`edgekd.devices`.

    Arrays hold samples first: an input is ``[samples, *shape]``, where a leading batch dimension
    of 1 in the artifact's shape is left out, in the artifact's own layout. Its dtype is the
    artifact's own, or float32, which is then cast or quantized as the artifact says.
    """

    def describe(self, artifact: Path, target: Target) -> Signature:
        """Read the artifact's inputs and outputs.

        Raises:
            BadInput: the runtime cannot load the file.
            MissingPackage: the runtime is not installed.
            RunFailed: the runner crashed or hung.
        """
        ...

    def run_outputs(self, artifact: Path, target: Target, inputs: Sequence[Array]) -> list[Array]:
        """Run every sample; ``[samples, *shape]`` for each output, as real values where it can.

        Raises:
            BadInput, MissingPackage, RunFailed: as for :meth:`describe`; and an input has the
                wrong shape or dtype, or an inference fails.
        """
        ...

    def measure(
        self, artifact: Path, target: Target, inputs: Sequence[Array] | None = None
    ) -> Figures:
        """Time, memory or counts, as far as this device may claim them.

        A pass that crashes, hangs or is disturbed becomes a reason in the figures.

        Args:
            inputs: as for :meth:`run_outputs`; ``None``: random ones from a fixed seed.

        Raises:
            BadInput, MissingPackage: as for :meth:`describe`.
        """
        ...
