"""Measures generation on this machine: a process for the times, and one for the memory."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from edgekd.devices.arrays import read_array
from edgekd.devices.contract import JOB_FILE, RESULT_FILE
from edgekd.devices.host_process import job_folder, reported_error, worker_environment
from edgekd.errors import EdgekdError, RunFailed
from edgekd.files import read_json, write_json
from edgekd.language.decoding.measure_worker import GenerationJob, GenerationResult
from edgekd.records import Memory
from edgekd.records.language import Generation
from edgekd.tool_environments.child import run_child

PROMPT_LENGTHS = (16, 64, 192)
ANSWER_TOKENS = 32
_WORKER = "edgekd.language.decoding.measure_worker"


@dataclass(frozen=True)
class GenerationFigures:
    """What was measured of one language model.

    Attributes:
        reasons: why the figures are invalid, one line each; empty: they are valid.
        generation: ``None`` where the timing failed.
        samples_ms: for each prompt length float64 ``[repetitions, answer tokens]``: milliseconds
            to the first token, and then from each token to the next.
    """

    reasons: list[str] = field(default_factory=list)
    generation: Generation | None = None
    samples_ms: dict[int, npt.NDArray[np.float64]] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)


def measure_generation(
    folder: Path,
    *,
    prompt_lengths: Sequence[int] = PROMPT_LENGTHS,
    answer_tokens: int = ANSWER_TOKENS,
    threads: int = 1,
    timeout_seconds: float = 600.0,
) -> GenerationFigures:
    """Time answers of an artifact, or of a model in torch, and read the memory that it takes.

    A pass that crashes, hangs or is disturbed becomes a reason in the figures.

    Args:
        folder: with ``language.json``; or of
            :func:`edgekd.language.network.save_language_model`, which torch then runs.
        prompt_lengths: tokens; those that do not fit the cache are left out.
        answer_tokens: of each answer, at least 2.
        threads: of one inference.
        timeout_seconds: of each pass.

    Raises:
        BadInput, MissingPackage: it cannot be opened, or no prompt fits.
    """

    def job(task: Literal["time", "memory"]) -> GenerationJob:
        return GenerationJob(
            task=task,
            folder=str(folder.resolve()),
            prompt_lengths=list(prompt_lengths),
            answer_tokens=answer_tokens,
            threads=threads,
            timeout_seconds=timeout_seconds,
        )

    reasons: list[str] = []
    generation: Generation | None = None
    samples: dict[int, npt.NDArray[np.float64]] = {}
    memory = Memory()
    try:
        generation, samples, disturbances = _times(job("time"))
        reasons += disturbances
    except RunFailed as error:
        reasons.append(f"generation: {error}")
    try:
        memory = _memory(job("memory"))
    except RunFailed as error:
        reasons.append(f"memory: {error}")
    return GenerationFigures(reasons, generation, samples, memory)


def _times(
    job: GenerationJob,
) -> tuple[Generation, dict[int, npt.NDArray[np.float64]], list[str]]:
    where = Path(job.folder).name
    with job_folder([]) as (folder, _):
        result = _run(job, folder)
        if not result.by_prompt or len(result.samples) != len(result.by_prompt):
            raise RunFailed("the worker timed nothing", where=where)
        samples = {
            found.prompt_tokens: read_array(folder, name, samples=found.repetitions)
            for found, name in zip(result.by_prompt, result.samples, strict=True)
        }
    if any(array.dtype != np.float64 or array.ndim != 2 for array in samples.values()):
        raise RunFailed("the worker's samples are not milliseconds", where=where)
    generation = Generation(threads=job.threads, by_prompt=result.by_prompt, notes=result.notes)
    return generation, samples, result.reasons


def _memory(job: GenerationJob) -> Memory:
    with job_folder([]) as (folder, _):
        memory = _run(job, folder).memory
    if memory is None:
        raise RunFailed("the worker read no memory", where=Path(job.folder).name)
    return memory


def _run(job: GenerationJob, folder: Path) -> GenerationResult:
    """Run a job in a process of its own, as :func:`edgekd.devices.host_process.run_job` does."""
    write_json(folder / JOB_FILE, job.model_dump(mode="json"))
    where = Path(job.folder).name
    ended = run_child(
        [sys.executable, "-P", "-m", _WORKER, str(folder), str(os.getpid())],
        environment=worker_environment(job.threads),
        folder=folder,
        seconds=job.timeout_seconds,
    )
    if not ended.well:
        last = ended.first_line("Fatal")
        raise RunFailed(f"the worker {ended.how}{': ' if last else ''}{last}", where=where)
    try:
        result = GenerationResult.model_validate(read_json(folder / RESULT_FILE))
    except (EdgekdError, ValidationError) as error:
        raise RunFailed("the worker left no valid result", where=where) from error
    if result.problem is not None:
        raise reported_error(result.problem, where)
    return result
