"""The process that runs one pass over one artifact.

``python -m edgekd.devices.host_worker FOLDER`` reads the job from the folder, and leaves there the
arrays and, last, the result. It imports no runtime but the job's own.
"""

from __future__ import annotations

import gc
import math
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd import files
from edgekd.devices.arrays import write_array
from edgekd.devices.contract import (
    JOB_FILE,
    RESULT_FILE,
    Array,
    Job,
    LatencyRun,
    Problem,
    Result,
    Signature,
)
from edgekd.devices.runtimes import LoadedModel, Runtime, open_runtime
from edgekd.devices.tensors import random_inputs, real_values, stored_inputs
from edgekd.errors import EdgekdError
from edgekd.measure.memory import (
    library_resident_bytes,
    peak_resident_bytes,
    reset_peak,
    resident_bytes,
)
from edgekd.measure.validity import ENOUGH_SAMPLES, ENOUGH_SECONDS, Clocks, check_latency
from edgekd.processes import die_with_parent
from edgekd.records import Memory

# One sample in the memory pass: more would count as the model's own.
RANDOM_SAMPLES = {"outputs": 1, "latency": 8, "memory": 1}
LATENCY_SECONDS = 1.0
LATENCY_ATTEMPTS = 3
WARMUP_SECONDS = 0.2
MEMORY_INFERENCES = 10
# The caller kills a worker that is late; this is for a worker whose caller has died.
GRACE_SECONDS = 5


def main(folder: Path) -> None:
    """Do the job in this folder and write its result there."""
    job = Job.model_validate(files.read_json(folder / JOB_FILE))
    signal.alarm(math.ceil(job.timeout_seconds) + GRACE_SECONDS)
    try:
        result = _run(job, folder)
    except EdgekdError as error:
        result = Result(problem=_problem(error))
    # Any other exception ends the process; the caller reports the last line it left.
    files.write_json(folder / RESULT_FILE, result.model_dump(mode="json"))


def _problem(error: EdgekdError) -> Problem:
    return Problem.model_validate(
        {
            "kind": type(error).__name__,
            "what": error.what,
            "where": error.where,
            "mend": error.mend,
        }
    )


def _run(job: Job, folder: Path) -> Result:
    runtime = open_runtime(job.runtime, job.threads)
    if job.task == "memory":
        return _memory(runtime, job, folder)
    model = runtime.load(Path(job.artifact), reference=job.reference)
    if job.task == "describe":
        return Result(signature=model.signature)
    inputs = _inputs(job, folder, model.signature)
    if job.task == "outputs":
        return _outputs(model, inputs, folder)
    return _latency(model, inputs, folder, job.threads)


def _inputs(job: Job, folder: Path, signature: Signature) -> list[Array]:
    """Stored samples for each input, ``[n, *shape]`` with the artifact's whole shape."""
    if job.inputs:
        given = [np.load(folder / name, allow_pickle=False) for name in job.inputs]
    else:
        given = random_inputs(signature.inputs, RANDOM_SAMPLES[job.task], job.seed)
    stored = stored_inputs(signature.inputs, given)
    return [
        samples.reshape(len(samples), *info.shape)
        for samples, info in zip(stored, signature.inputs, strict=True)
    ]


def _sample(inputs: Sequence[Array], index: int) -> list[Array]:
    # The ellipsis keeps a scalar input an array.
    return [samples[index, ...] for samples in inputs]


def _outputs(model: LoadedModel, inputs: Sequence[Array], folder: Path) -> Result:
    infos = model.signature.outputs
    collected: list[list[Array]] = [[] for _ in infos]
    for index in range(len(inputs[0])):
        model.prepare(_sample(inputs, index))
        model.invoke()
        for results, info, stored in zip(collected, infos, model.results(), strict=True):
            batched = info.shape[:1] == [1] and stored.shape[:1] == (1,)
            results.append(real_values(stored[0] if batched else stored, info))
    names = [
        write_array(folder, f"output_{index}", np.stack(results))
        for index, results in enumerate(collected)
    ]
    return Result(signature=model.signature, outputs=names)


def _latency(model: LoadedModel, inputs: Sequence[Array], folder: Path, threads: int) -> Result:
    for _ in range(LATENCY_ATTEMPTS):
        warmup = _warm_up(model, inputs)
        samples_ms, clocks = _timed(model, inputs)
        if not check_latency(samples_ms, clocks, threads):
            break
    return Result(
        signature=model.signature,
        latency=LatencyRun(
            samples=write_array(folder, "samples_ms", samples_ms),
            n=samples_ms.size,
            warmup=warmup,
            wall_seconds=clocks.wall,
            process_cpu_seconds=clocks.process,
            main_thread_cpu_seconds=clocks.main_thread,
        ),
    )


def _warm_up(model: LoadedModel, inputs: Sequence[Array]) -> int:
    """Fill caches, lazily made buffers and the clock governor; how many inferences it took."""
    end = time.perf_counter() + WARMUP_SECONDS
    done = 0
    while done == 0 or time.perf_counter() < end:
        model.prepare(_sample(inputs, done % len(inputs[0])))
        model.invoke()
        done += 1
    return done


def _timed(model: LoadedModel, inputs: Sequence[Array]) -> tuple[npt.NDArray[np.float64], Clocks]:
    """Time single inferences until there are samples and seconds enough.

    Inputs are handed over before each inference and outside its time: a runtime may reuse their
    memory as scratch.
    """
    prepared = [_sample(inputs, index) for index in range(len(inputs[0]))]
    samples_ns: list[int] = []
    clock = time.perf_counter_ns
    prepare, invoke = model.prepare, model.invoke
    gc.collect()
    gc.disable()
    wall, process, thread = time.perf_counter(), time.process_time(), time.thread_time()
    elapsed = 0.0
    while elapsed < LATENCY_SECONDS or len(samples_ns) < ENOUGH_SAMPLES:
        prepare(prepared[len(samples_ns) % len(prepared)])
        start = clock()
        invoke()
        samples_ns.append(clock() - start)
        elapsed = time.perf_counter() - wall
        if elapsed >= ENOUGH_SECONDS:
            break
    clocks = Clocks(
        wall=elapsed,
        process=time.process_time() - process,
        main_thread=time.thread_time() - thread,
    )
    gc.enable()
    return np.array(samples_ns, np.float64) / 1e6, clocks


def _memory(runtime: Runtime, job: Job, folder: Path) -> Result:
    """What loading and running the model adds to the process with its bare runtime.

    That is the peak over the baseline, without the growth of the shared libraries: their pages
    are the runtime's code, and they do not shrink with the model.
    """
    import_peak = peak_resident_bytes()
    libraries = library_resident_bytes()
    baseline = resident_bytes() if reset_peak() else None
    model = runtime.load(Path(job.artifact), reference=job.reference)
    inputs = _inputs(job, folder, model.signature)
    for index in range(MEMORY_INFERENCES):
        model.prepare(_sample(inputs, index % len(inputs[0])))
        model.invoke()
        model.results()
    peak = peak_resident_bytes()
    libraries_grew = library_resident_bytes() - libraries
    return Result(
        signature=model.signature,
        memory=Memory(
            peak_rss_bytes=max(import_peak, peak),
            ram_bytes=None if baseline is None else max(0, peak - baseline - libraries_grew),
        ),
    )


if __name__ == "__main__":
    die_with_parent(int(sys.argv[2]))
    main(Path(sys.argv[1]))
