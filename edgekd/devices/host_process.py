"""Starts the host worker for one job, waits for it, and turns whatever happened into a result."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

import edgekd
from edgekd import errors, files
from edgekd.devices.arrays import write_array
from edgekd.devices.contract import JOB_FILE, RESULT_FILE, Array, Job, Problem, Result
from edgekd.errors import EdgekdError, RunFailed

_WORKER = "edgekd.devices.host_worker"
_LOG = "stderr.txt"
_LOG_TAIL_BYTES = 64 * 1024
# What the runtimes print when all is well; it explains no failure.
_CHATTER = re.compile(r"^(INFO|WARNING: All log messages|\[cpuinfo_utils|\[threadpool)")


@contextmanager
def job_folder(inputs: Sequence[Array]) -> Iterator[tuple[Path, list[str]]]:
    """A temporary folder that holds the inputs of a job, and their file names in it.

    Raises:
        RunFailed: the temporary folder is full or cannot be written.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix="edgekd-job-")
    except OSError as error:
        raise RunFailed(
            f"no temporary folder can be made: {error.strerror}",
            mend="free some space or set TMPDIR to another folder",
        ) from error
    with temporary as name:
        folder = Path(name)
        names = [write_array(folder, f"input_{index}", array) for index, array in enumerate(inputs)]
        yield folder, names


def run_job(job: Job, folder: Path) -> Result:
    """Run one job in a process of its own.

    Args:
        job: what to do.
        folder: holds the job's inputs, and afterwards the arrays that the result names.

    Raises:
        EdgekdError: what the worker reported, as the kind it reported.
        RunFailed: the worker crashed, hung, or left no valid result.
    """
    files.write_json(folder / JOB_FILE, job.model_dump(mode="json"))
    status = _wait(folder, job)
    where = Path(job.artifact).name
    if status != 0:
        raise RunFailed(f"the worker {_death(status)}{_last_line(folder)}", where=where)
    result = read_result(folder, where)
    if result.problem is not None:
        raise reported_error(result.problem, where, _last_line(folder))
    return result


def read_result(folder: Path, where: str) -> Result:
    """Read what a worker left, which may be anything.

    Raises:
        RunFailed: there is no result, or it does not have the form of one.
    """
    try:
        return Result.model_validate(files.read_json(folder / RESULT_FILE))
    except (EdgekdError, ValidationError) as error:
        raise RunFailed("the worker left no valid result", where=where) from error


def _wait(folder: Path, job: Job) -> int:
    command = [sys.executable, "-P", "-m", _WORKER, str(folder), str(os.getpid())]
    with (folder / _LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=worker_environment(job.threads),
            start_new_session=True,
        )
        try:
            return process.wait(timeout=job.timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise RunFailed(
                f"the worker was stopped: the {job.task} pass took longer than "
                f"{job.timeout_seconds:g} s",
                where=Path(job.artifact).name,
            ) from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def worker_environment(threads: int) -> dict[str, str]:
    """The worker finds this very edgekd, and no library starts more threads than asked."""
    package_root = str(Path(edgekd.__file__).resolve().parent.parent)
    search_path = [package_root, os.environ.get("PYTHONPATH", "")]
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in search_path if part),
        **dict.fromkeys(pools, str(threads)),
    }


def _death(status: int) -> str:
    if status > 0:
        return f"ended with exit status {status}"
    name = signal.Signals(-status).name
    if -status == signal.SIGKILL:
        return f"was killed by {name}, as the system does when memory runs out"
    return f"was killed by {name}"


def _last_line(folder: Path) -> str:
    """``: <last telling line of standard error>``, or nothing."""
    with (folder / _LOG).open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
        lines = log.read().decode(errors="replace").splitlines()
    telling = [line.strip() for line in lines if line.strip() and not _CHATTER.match(line)]
    return f": {telling[-1][:300]}" if telling else ""


def reported_error(problem: Problem, where: str, last_line: str = "") -> EdgekdError:
    """What a worker reported, as the kind it reported.

    Args:
        problem: that stopped it.
        where: in case that it does not tell itself.
        last_line: to be told after it.
    """
    kind: type[EdgekdError] = getattr(errors, problem.kind)
    return kind(problem.what + last_line, where=problem.where or where, mend=problem.mend)
