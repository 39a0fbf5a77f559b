"""This machine as a device: each pass over an artifact is a process of its own.

One process for the outputs, one for the latency, one for the memory: so that nothing of one pass
is in the figures of another, and a file that crashes its runtime takes nothing with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from edgekd.devices.arrays import read_array
from edgekd.devices.contract import Array, Figures, Job, Signature
from edgekd.devices.host_process import job_folder, run_job
from edgekd.errors import BadInput, RunFailed
from edgekd.measure.statistics import latency_summary
from edgekd.measure.validity import Clocks, check_latency
from edgekd.records import Latency, Memory
from edgekd.target import Target

# A few different inputs, so that no branch predictor or cache learns one by heart.
LATENCY_SAMPLES = 8
# One in the memory pass: more would count as the model's own.
MEMORY_SAMPLES = 1


@dataclass(frozen=True)
class HostDevice:
    """Runs artifacts with the runtimes that are installed here; see :class:`contract.Device`.

    Attributes:
        timeout_seconds: a pass that takes longer is stopped and counts as failed.
    """

    timeout_seconds: float = 300.0

    def describe(self, artifact: Path, target: Target) -> Signature:
        """Read the artifact's inputs and outputs; see :meth:`contract.Device.describe`."""
        with job_folder([]) as (folder, _):
            result = run_job(self._job("describe", artifact, target), folder)
        if result.signature is None:
            raise RunFailed("the worker told no signature", where=artifact.name)
        return result.signature

    def run_outputs(
        self,
        artifact: Path,
        target: Target,
        inputs: Sequence[Array],
        *,
        reference: bool = False,
    ) -> list[Array]:
        """Run every sample; see :meth:`contract.Device.run_outputs`.

        Args:
            artifact: the file.
            target: names the runtime and the threads.
            inputs: ``[samples, *shape]`` for each input, in the artifact's own layout.
            reference: use the runtime's reference kernels (LiteRT's ``BUILTIN_REF``; ONNX Runtime
                without graph optimisations).

        Raises:
            Unavailable: ``reference`` was asked of ExecuTorch, which has none.
        """
        if not inputs:
            raise BadInput("there are no inputs to run", where=artifact.name)
        with job_folder(inputs) as (folder, names):
            job = self._job("outputs", artifact, target, names, reference=reference)
            result = run_job(job, folder)
            return [read_array(folder, name, samples=len(inputs[0])) for name in result.outputs]

    def measure(
        self, artifact: Path, target: Target, inputs: Sequence[Array] | None = None
    ) -> Figures:
        """Time and memory, each in its pass; see :meth:`contract.Device.measure`."""
        reasons: list[str] = []
        latency, samples, memory = None, None, Memory()
        try:
            latency, samples, disturbances = self._latency(artifact, target, inputs or ())
            reasons += disturbances
        except RunFailed as error:
            reasons.append(f"latency: {error}")
        try:
            memory = self._memory(artifact, target, inputs or ())
        except RunFailed as error:
            reasons.append(f"memory: {error}")
        return Figures(
            reasons=reasons,
            latency_ms=latency,
            samples_ms=samples,
            memory=memory.model_copy(update={"model_bytes": artifact.stat().st_size}),
        )

    def _latency(
        self, artifact: Path, target: Target, inputs: Sequence[Array]
    ) -> tuple[Latency, Array, list[str]]:
        few = [samples[:LATENCY_SAMPLES] for samples in inputs]
        with job_folder(few) as (folder, names):
            run = run_job(self._job("latency", artifact, target, names), folder).latency
            if run is None:
                raise RunFailed("the worker timed nothing", where=artifact.name)
            samples_ms = read_array(folder, run.samples, samples=run.n)
        if samples_ms.dtype != np.float64 or samples_ms.ndim != 1:
            raise RunFailed("the worker's samples are not milliseconds", where=artifact.name)
        clocks = Clocks(run.wall_seconds, run.process_cpu_seconds, run.main_thread_cpu_seconds)
        summary = latency_summary(samples_ms, run.warmup, target.threads)
        return summary, samples_ms, check_latency(samples_ms, clocks, target.threads)

    def _memory(self, artifact: Path, target: Target, inputs: Sequence[Array]) -> Memory:
        one = [samples[:MEMORY_SAMPLES] for samples in inputs]
        with job_folder(one) as (folder, names):
            memory = run_job(self._job("memory", artifact, target, names), folder).memory
        if memory is None:
            raise RunFailed("the worker read no memory", where=artifact.name)
        return memory

    def _job(
        self,
        task: Literal["describe", "outputs", "latency", "memory"],
        artifact: Path,
        target: Target,
        inputs: Sequence[str] = (),
        *,
        reference: bool = False,
    ) -> Job:
        if not artifact.is_file():
            raise BadInput("there is no such file", where=str(artifact))
        return Job(
            task=task,
            artifact=str(artifact.resolve()),
            runtime=target.runtime,
            threads=target.threads,
            reference=reference,
            inputs=list(inputs),
            timeout_seconds=self.timeout_seconds,
        )
