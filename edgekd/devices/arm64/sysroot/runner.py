"""Compiles the ExecuTorch runner for ARM64 against the libraries inside ExecuTorch's own wheel."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgekd.catalog import shipped
from edgekd.errors import MissingPackage, RunFailed
from edgekd.tool_environments.child import run_child

COMPILER = "aarch64-linux-gnu-g++"
# As share/cmake/executorch-config.cmake of the wheel has them: definitions that its libraries were
# built with, and kernels and delegates that only register themselves, so the linker would drop
# them.
FLAGS = (
    *("-std=c++17", "-O2", "-Wall", "-Wextra"),
    *("-DC10_USING_CUSTOM_GENERATED_MACROS", "-DET_EVENT_TRACER_ENABLED", "-DET_USE_THREADPOOL"),
)
LIBRARIES = (
    "-Wl,--no-as-needed",
    *("-lexecutorch_kernels_optimized", "-lexecutorch_kernels_quantized"),
    *("-lexecutorch_backend_xnnpack", "-lexecutorch_threadpool", "-lexecutorch"),
    # The libraries lie beside the program.
    *("-Wl,-rpath,$ORIGIN", "-Wl,--build-id=none"),
)
_C10 = "runtime/core/portable_type/c10"
_SECONDS = 300.0


def sources() -> list[Path]:
    """Headers and C++ files of the runner; the frames that it speaks are in ``frames.h``."""
    folder = shipped("targets") / "arm64" / "executorch_runner"
    return sorted([*folder.glob("*.h"), *folder.glob("*.cpp")])


def compile_runner(package: Path, runner: Path) -> str:
    """Compile and link it.

    Args:
        package: the folder ``executorch`` of the unpacked wheel, with ``include`` and ``lib``.
        runner: the program to write.

    Returns:
        The version of the compiler.

    Raises:
        MissingPackage: the compiler is not installed.
        RunFailed: it fails.
    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise MissingPackage(
            f"{COMPILER} is not installed", mend="apt-get install g++-aarch64-linux-gnu"
        )
    include = package / "include"
    headers = (include, include / "executorch" / _C10, include / "executorch" / _C10 / "torch")
    programs = [str(path) for path in sources() if path.suffix == ".cpp"]
    # Names without their folders, so that the program is the same wherever it was built.
    options = [f"-ffile-prefix-map={Path(programs[0]).parent}=.", *FLAGS]
    for folder in headers:
        options += ["-isystem", str(folder)]
    command = [compiler, *options, *programs, "-o", str(runner), "-L", str(package / "lib")]
    ended = run_child(
        [*command, *LIBRARIES], environment=os.environ, folder=runner.parent, seconds=_SECONDS
    )
    if not ended.well:
        reason = next((line for line in ended.lines if "error" in line), ended.first_line(""))
        raise RunFailed("the ExecuTorch runner does not compile", where=compiler, mend=reason)
    version = run_child(
        [compiler, "-dumpfullversion"],
        environment=os.environ,
        folder=runner.parent,
        seconds=_SECONDS,
    )
    return version.first_line("")
