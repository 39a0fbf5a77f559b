"""The process that measures one language model: its times, or the memory that it takes.

``python -m edgekd.language.decoding.measure_worker FOLDER PARENT`` reads the job from the folder,
and leaves there the raw samples and, last, the result.
"""

from __future__ import annotations

import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from edgekd.devices.arrays import write_array
from edgekd.devices.contract import JOB_FILE, RESULT_FILE, Problem
from edgekd.devices.runtimes import open_runtime
from edgekd.errors import BadInput, EdgekdError
from edgekd.files import read_json, write_json
from edgekd.language.decoding.bundle_file import LANGUAGE_FILE, read_language_bundle
from edgekd.language.decoding.contract import TokenDecoder, open_decoder
from edgekd.language.decoding.timing import TimedAnswers, random_prompts, time_answers
from edgekd.measure.memory import (
    library_resident_bytes,
    peak_resident_bytes,
    reset_peak,
    resident_bytes,
)
from edgekd.processes import die_with_parent
from edgekd.records import Memory, Record
from edgekd.records.language import PromptFigures

ATTEMPTS = 2
# The caller kills a worker that is late; this is for a worker whose caller has died.
GRACE_SECONDS = 5
_RUNTIMES = {"executorch": "executorch", "onnx": "onnx", "tflite": "litert"}


class GenerationJob(Record):
    """One pass over one language model.

    Attributes:
        task: what to measure.
        folder: with ``language.json``, or a model in torch as
            :func:`edgekd.language.network.save_language_model` wrote it.
        prompt_lengths: tokens of the prompts; those that do not fit are left out.
        answer_tokens: of each answer.
        threads: of one inference.
        timeout_seconds: the worker stops itself after this time.
    """

    task: Literal["time", "memory"]
    folder: str
    prompt_lengths: list[int] = Field(min_length=1, max_length=64)
    answer_tokens: int = Field(ge=2)
    threads: int = Field(ge=1, le=64)
    timeout_seconds: float = Field(gt=0)


class GenerationResult(Record):
    """What a pass found; ``problem`` is set where it found nothing else."""

    by_prompt: list[PromptFigures] = Field(default_factory=list, max_length=64)
    samples: list[str] = Field(default_factory=list, max_length=64)
    reasons: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    memory: Memory | None = None
    problem: Problem | None = None


def main(folder: Path) -> None:
    """Do the job in this folder and write its result there."""
    job = GenerationJob.model_validate(read_json(folder / JOB_FILE))
    signal.alarm(math.ceil(job.timeout_seconds) + GRACE_SECONDS)
    try:
        result = _memory(job) if job.task == "memory" else _times(job, folder)
    except EdgekdError as error:
        told = {"what": error.what, "where": error.where, "mend": error.mend}
        problem = Problem.model_validate({"kind": type(error).__name__, **told})
        result = GenerationResult(problem=problem)
    # Any other exception ends the process; the caller reports the last line it left.
    write_json(folder / RESULT_FILE, result.model_dump(mode="json"))


def _times(job: GenerationJob, folder: Path) -> GenerationResult:
    decoder = _imported(job)()
    fitting, notes = _fitting(job, decoder)
    result = GenerationResult(notes=notes)
    for length in fitting:
        timed = _undisturbed(decoder, length, job)
        result.by_prompt.append(timed.figures())
        result.reasons += timed.reasons(job.threads)
        result.samples.append(write_array(folder, f"token_ms_{length}", timed.token_ms))
    return result


def _undisturbed(decoder: TokenDecoder, length: int, job: GenerationJob) -> TimedAnswers:
    for _ in range(ATTEMPTS):
        timed = time_answers(decoder, length, job.answer_tokens)
        if not timed.reasons(job.threads):
            break
    return timed


def _memory(job: GenerationJob) -> GenerationResult:
    """What loading the model and one answer add to the process with its bare runtime.

    As for other models (:mod:`edgekd.devices.host_worker`): the peak over the baseline, without
    the growth of the shared libraries, which are the runtime's code.
    """
    load = _imported(job)
    import_peak = peak_resident_bytes()
    libraries = library_resident_bytes()
    baseline = resident_bytes() if reset_peak() else None
    decoder = load()
    longest = _fitting(job, decoder)[0][-1]
    logits = decoder.feed(random_prompts(decoder.vocabulary, longest)[0])
    for _ in range(job.answer_tokens - 1):
        logits = decoder.feed([int(logits.argmax())])
    peak = peak_resident_bytes()
    grew = library_resident_bytes() - libraries
    return GenerationResult(
        memory=Memory(
            peak_rss_bytes=max(import_peak, peak),
            ram_bytes=None if baseline is None else max(0, peak - baseline - grew),
        )
    )


def _imported(job: GenerationJob) -> Callable[[], TokenDecoder]:
    """What loads the model, with its runtime imported already."""
    folder = Path(job.folder)
    if (folder / LANGUAGE_FILE).exists():
        open_runtime(_RUNTIMES[read_language_bundle(folder).format], job.threads)
        return lambda: open_decoder(folder, job.threads)
    import safetensors.torch  # noqa: F401 - not to be counted as the model's
    import torch

    from edgekd.language.decoding.torch_decoder import TorchDecoder
    from edgekd.language.network import load_language_model

    torch.set_num_threads(job.threads)
    return lambda: TorchDecoder(load_language_model(folder))


def _fitting(job: GenerationJob, decoder: TokenDecoder) -> tuple[list[int], list[str]]:
    """The prompt lengths that leave room for an answer, and a line for those that do not."""
    room = decoder.cache_length - job.answer_tokens
    fitting = sorted(length for length in set(job.prompt_lengths) if 0 < length <= room)
    if not fitting:
        raise BadInput(
            f"no prompt fits: the cache has {decoder.cache_length} positions, of which answers "
            f"take {job.answer_tokens}",
            mend="measure with shorter prompts or answers",
        )
    return fitting, [
        f"prompts of {length} tokens are left out: with an answer of {job.answer_tokens} they do "
        f"not fit the {decoder.cache_length} positions of the cache"
        for length in sorted(set(job.prompt_lengths) - set(fitting))
    ]


if __name__ == "__main__":
    die_with_parent(int(sys.argv[2]))
    main(Path(sys.argv[1]))
