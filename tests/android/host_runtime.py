"""The app's engines on this machine's JVM, over Android's own native libraries.

The class files are those of the app; the libraries are ONNX Runtime's and ExecuTorch's for Android
x86-64, changed as ``host/bionic.py`` says and preloaded with ``host/shim.c``. Java classes that
their Android packages take from elsewhere are in ``host/fbjni``.

Of LiteRT no artifact for Java can be had. ``host/litert`` stands in for its Java interface, at the
very edge: behind it run the real kernels, in a process of Python (``host/litert_server.py``).
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from tests.android.host.bionic import port
from tests.android.toolchain import (
    app_jar,
    compile_java,
    compile_kotlin,
    core_jar,
    do_without,
    keep,
    need,
    pieces,
    run_java,
    run_tool,
    sources,
)
from tests.android.toolchain.kept import content_of
from tests.conftest import ROOT

_HOST = Path(__file__).with_name("host")
_COMPILER = ("gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared")
# How what is told of LiteRT is to be read.
STAND_IN = "a stand-in for its Java interface"
_LITERT = (
    f"-Dedgekd.litert.python={sys.executable}",
    f"-Dedgekd.litert.server={_HOST / 'litert_server.py'}",
)
# The libraries need it, and no longer say so.
_LINKED = ("-Wl,--no-as-needed", "-lm")
SHIM = "libshim.so"


@dataclass(frozen=True)
class Output:
    """One output for all samples: ``[samples, *shape]``."""

    name: str
    values: npt.NDArray[Any]


@dataclass(frozen=True)
class Answer:
    """What the engine said of a model: its problem, or what it found.

    Attributes:
        reason, message: of the problem.
        version, delegate: as the engine tells them.
        inputs: ``name``, ``dtype`` and ``shape`` of each, where the engine tells.
        outputs: for all samples.
    """

    reason: str | None
    message: str | None
    version: str | None
    delegate: str | None
    inputs: list[dict[str, Any]] | None
    outputs: list[Output]


@dataclass(frozen=True)
class ModelJob:
    """A model to load, and to run where there are inputs: ``[samples, *shape]`` for each."""

    engine: str
    model: Path
    threads: int = 1
    delegate: str | None = None
    inputs: Sequence[npt.NDArray[Any]] = ()


@dataclass(frozen=True)
class Machine:
    """What the process has.

    Attributes:
        libraries: folder where the native libraries are looked for; none: that of all.
        runtimes: whether the runtimes' classes are there.
        buffer_bytes: the most that all direct buffers may take.
    """

    libraries: Path | None = None
    runtimes: bool = True
    buffer_bytes: int = 2**30


def run_models(
    jobs: Sequence[ModelJob], scratch: Path, machine: Machine | None = None
) -> list[Answer]:
    """Run models with the app's engines, one after the other in one process.

    Args:
        jobs: what to run.
        scratch: new folder for inputs and outputs.
        machine: what the process lacks.
    """
    scratch.mkdir()
    words = [_words(job, scratch, index) for index, job in enumerate(jobs)]
    done = run_program("RunModelsKt", [json.dumps(one) for one in words], machine)
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (0, len(jobs)), done.stderr + done.stdout
    return [
        _answer(json.loads(line), Path(one.get("outputs", "")))
        for line, one in zip(lines, words, strict=True)
    ]


def run_benchmark(extras: Mapping[str, str | int], files: Path) -> str:
    """Do what the app does when it is started with these extras; gives the line that it logs.

    Args:
        extras: of the intent.
        files: stands for the app's folder of files; the result is written below it.
    """
    intent = files / "extras.json"
    intent.write_text(json.dumps(dict(extras)), encoding="utf-8")
    done = run_program("RunBenchmarkKt", [intent, files])
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.strip()


def run_program(
    main: str,
    arguments: Sequence[str | Path],
    machine: Machine | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program of ``host/programs`` in a JVM that can load Android's libraries."""
    libraries, found, machine = native_libraries(), pieces(), machine or Machine()
    where = machine.libraries or libraries
    jars = [programs_jar(), app_jar(), core_jar(), fbjni_jar(), found.kotlin_runtime]
    runtimes = [found.onnxruntime, found.executorch, litert_jar()] if machine.runtimes else []
    return run_java(
        f"dev.edgekd.host.{main}",
        [*jars, *runtimes],
        arguments,
        options=[
            *(f"-Djava.library.path={where}", f"-Donnxruntime.native.path={where}"),
            *(() if machine.libraries else _LITERT),
            f"-XX:MaxDirectMemorySize={machine.buffer_bytes}",
            # A crash is told on standard output; no file is left behind.
            *("-XX:ErrorFile=/dev/null", "-XX:-CreateCoredumpOnCrash"),
        ],
        environment={"LD_PRELOAD": str(libraries / SHIM), "LD_LIBRARY_PATH": str(libraries)},
    )


def programs_jar() -> Path:
    """The programs of ``host/programs``."""
    return compile_kotlin("host-programs", sources(_HOST / "programs"), [core_jar(), app_jar()])


def fbjni_jar() -> Path:
    """What stands in for the Java classes of fbjni and its loader."""
    return compile_java("host-fbjni", sources(_HOST / "fbjni", ".java"))


def litert_jar() -> Path:
    """What stands in for LiteRT's Java classes."""
    return compile_java("host-litert", sources(_HOST / "litert", ".java"))


@cache
def native_libraries() -> Path:
    """Folder with every native library, ready to be loaded, and the shim.

    They are for x86-64 alone: other machines do without the tests that need them.
    """
    need("onnxruntime", "executorch", "fbjni", "gcc", "libc6-dev")
    if platform.machine() != "x86_64":
        do_without("Android's native libraries that are had here are for x86-64")
    found = pieces()
    folders = (found.onnxruntime_libraries, found.executorch_libraries, found.fbjni_libraries)
    libraries = [path for folder in folders for path in sorted(folder.glob("*.so"))]
    shim = _HOST / "shim.c"

    def build(made: Path) -> None:
        made.mkdir()
        for library in libraries:
            port(library, made / library.name)
        run_tool([*_COMPILER, "-o", made / SHIM, shim, *_LINKED])

    made_from = content_of(ROOT, [*libraries, shim, _HOST / "bionic.py"])
    return keep("natives", [made_from, _COMPILER, _LINKED], build)


def _words(job: ModelJob, scratch: Path, index: int) -> dict[str, Any]:
    words: dict[str, Any] = {"engine": job.engine, "model": str(job.model), "threads": job.threads}
    if job.delegate is not None:
        words["delegate"] = job.delegate
    if job.inputs:
        inputs = scratch / f"{index}.safetensors"
        save_file({f"input_{i}": values for i, values in enumerate(job.inputs)}, inputs)
        words |= {"inputs": str(inputs), "outputs": str(scratch / str(index))}
    return words


def _answer(line: dict[str, Any], folder: Path) -> Answer:
    return Answer(
        reason=line.get("reason"),
        message=line.get("message"),
        version=line.get("version"),
        delegate=line.get("delegate"),
        inputs=line.get("inputs"),
        outputs=[
            _output(output, folder / f"{index}.bin")
            for index, output in enumerate(line.get("outputs", ()))
        ],
    )


def _output(output: dict[str, Any], file: Path) -> Output:
    values = np.fromfile(file, np.dtype(output["dtype"]))
    # The batch of one becomes that of all samples.
    assert output["shape"][:1] == [1], output
    return Output(output["name"], values.reshape(-1, *output["shape"][1:]))
