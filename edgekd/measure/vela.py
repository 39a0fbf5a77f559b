"""What Arm's compiler Vela says of a TFLite file on an Ethos-U NPU: an estimate, nothing is run.

Vela reads a file with native code that crashes on a damaged one, so it runs in a process of its
own. Source: the ``ethos-u-vela`` package, its ``config_files/Arm/vela.ini`` and the summary it
writes (``ethosu/vela/stats_writer.py``).
"""

from __future__ import annotations

import csv
import io
import math
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from edgekd.errors import BadInput, RunFailed
from edgekd.third_party import reason, require, versions

Accelerator = Literal["ethos-u55-128", "ethos-u55-256", "ethos-u65-512", "ethos-u85-256"]

# Of Vela's own configurations, those of a microcontroller: on-chip SRAM for tensors, flash for
# weights, all at 500 MHz, so that the accelerators can be compared with each other.
SYSTEM_CONFIGS: dict[Accelerator, str] = {
    "ethos-u55-128": "Ethos_U55_High_End_Embedded",
    "ethos-u55-256": "Ethos_U55_High_End_Embedded",
    "ethos-u65-512": "Ethos_U65_Embedded",
    "ethos-u85-256": "Ethos_U85_SYS_Flash_High",
}
MEMORY_MODE = "Shared_Sram"

_PACKAGE = "ethos-u-vela"
_NPU_OPERATOR = "ethos-u"
_MODEL = "model.tflite"
_COMPILED = "model_vela.tflite"
_LOG = "vela.log"
_SECONDS = 600.0
_LARGEST_TEXT = 64 * 1024
_LARGEST_FIGURE = 2**53
_MOST_OPERATORS = 100_000


@dataclass(frozen=True)
class VelaEstimate:
    """Vela's estimate for one inference.

    Attributes:
        cycles: of the NPU and of the memory it waits for.
        npu_cycles: of the NPU alone.
        clock_hz: of the NPU in the system configuration.
        seconds: ``cycles`` at that clock.
        sram_bytes: peak of tensors and staged weights; without what the CPU's own software needs.
        flash_bytes: weights in the NPU's encoding and its commands.
        compiled_bytes: size of the compiled file, which holds these and the rest.
        macs: multiply-accumulates on the NPU.
        npu_operators: the model's operators that the NPU takes or that vanish, name to count.
        cpu_operators: those that are left to the CPU, name to count. No figure here counts them.
        version: of Vela.
    """

    accelerator: Accelerator
    system_config: str
    memory_mode: str
    version: str
    clock_hz: int
    cycles: int
    npu_cycles: int
    seconds: float
    sram_bytes: int
    flash_bytes: int
    compiled_bytes: int
    macs: int
    npu_operators: dict[str, int]
    cpu_operators: dict[str, int]

    @property
    def assumptions(self) -> list[str]:
        """What the figures rest on and what they leave out, one line each."""
        lines = [
            f"estimated by Vela {self.version}, not run: {self.accelerator} at "
            f"{self.clock_hz / 1e6:g} MHz, system configuration {self.system_config}, memory mode "
            f"{self.memory_mode}",
            f"{self.npu_cycles} of {self.cycles} cycles are the NPU's own, in the others it waits "
            f"for memory; {self.seconds * 1e3:.4g} ms at that clock",
            "SRAM without what the CPU's interpreter needs; flash without driver and interpreter",
        ]
        if self.cpu_operators:
            counts = [f"{name} ({count})" for name, count in self.cpu_operators.items()]
            lines.append(f"left to the CPU and in no figure: {', '.join(counts)}")
        return lines


def accelerator_named(name: str) -> Accelerator:
    """The accelerator of this name.

    Raises:
        BadInput: edgekd has no configuration for it.
    """
    for accelerator in get_args(Accelerator):
        if accelerator == name:
            found: Accelerator = accelerator
            return found
    known = ", ".join(get_args(Accelerator))
    raise BadInput(f"there is no accelerator {name!r}", mend=f"known: {known}")


def estimate_vela(model: Path, folder: Path, accelerator: Accelerator) -> tuple[Path, VelaEstimate]:
    """Compile a full-integer ``.tflite`` for an NPU.

    Args:
        model: the file.
        folder: existing empty folder; Vela's files stay in it.
        accelerator: which NPU.

    Returns:
        The compiled ``.tflite``, which TensorFlow Lite Micro loads, and Vela's estimate.

    Raises:
        BadInput: Vela refuses the file or crashes on it, or none of its operators can run on the
            NPU.
        MissingPackage: Vela is not installed.
        RunFailed: Vela does not end, or its summary is not what it is known to be.
    """
    require("ethos", "ethosu.vela")
    _run(model, folder, accelerator)
    compiled = folder / _COMPILED
    on_cpu = _operators(compiled)
    on_npu = on_cpu.pop(_NPU_OPERATOR, 0)
    if not on_npu:
        raise BadInput(
            "no operator can run on the NPU",
            where=str(model),
            mend="Vela takes full-integer models: int8 or int16 tensors",
        )
    taken = _operators(folder / _MODEL) - on_cpu
    summary = _summary(folder / f"model_summary_{SYSTEM_CONFIGS[accelerator]}.csv")
    return compiled, VelaEstimate(
        accelerator=accelerator,
        system_config=SYSTEM_CONFIGS[accelerator],
        memory_mode=MEMORY_MODE,
        version=versions(_PACKAGE)[_PACKAGE],
        clock_hz=round(_figure(summary, "core_clock")),
        cycles=round(_figure(summary, "cycles_total")),
        npu_cycles=round(_figure(summary, "cycles_npu")),
        seconds=_figure(summary, "inference_time"),
        # Vela writes memory in KiB.
        sram_bytes=round(_figure(summary, "sram_memory_used") * 1024),
        flash_bytes=round(_figure(summary, "off_chip_flash_memory_used") * 1024),
        compiled_bytes=compiled.stat().st_size,
        macs=round(_figure(summary, "nn_macs")),
        npu_operators=dict(sorted(taken.items())),
        cpu_operators=dict(sorted(on_cpu.items())),
    )


def _run(model: Path, folder: Path, accelerator: Accelerator) -> None:
    # Under a name of our own: Vela names its files after the model.
    try:
        shutil.copyfile(model, folder / _MODEL)
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(model)) from error
    command = [sys.executable, "-P", "-m", "ethosu.vela", _MODEL]
    command += ["--accelerator-config", accelerator, "--config", "Arm/vela.ini"]
    command += ["--system-config", SYSTEM_CONFIGS[accelerator]]
    command += ["--memory-mode", MEMORY_MODE, "--output-dir", "."]
    with (folder / _LOG).open("wb") as log:
        try:
            subprocess.run(
                command,
                check=True,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise RunFailed(f"Vela does not end in {_SECONDS:g} s", where=str(model)) from error
        except subprocess.CalledProcessError as error:
            did = "crashes on" if error.returncode < 0 else "refuses"
            raise BadInput(
                f"Vela {did} it: {_last_line(folder / _LOG)}", where=str(model)
            ) from error


def _last_line(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _LARGEST_TEXT))
        lines = stream.read().decode(errors="replace").splitlines()
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "no message")


def _summary(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(io.StringIO(stream.read(_LARGEST_TEXT))))
    except (OSError, ValueError, csv.Error) as error:
        raise RunFailed(f"Vela left no summary: {error}", where=path.name) from error
    if len(rows) != 1:
        raise RunFailed(f"Vela's summary has {len(rows)} rows, not one", where=path.name)
    return rows[0]


def _figure(summary: dict[str, str], column: str) -> float:
    try:
        value = float(summary[column])
    except (KeyError, TypeError, ValueError) as error:
        raise RunFailed(f"Vela's summary has no number in the column {column}") from error
    if not (math.isfinite(value) and 0 <= value <= _LARGEST_FIGURE):
        raise RunFailed(f"Vela's summary says {column} = {value}")
    return value


def _operators(path: Path) -> Counter[str]:
    """Operators of a ``.tflite``, all subgraphs together; a custom one by its own name."""
    from ethosu.vela.tflite.Model import Model

    try:
        model = Model.GetRootAs(path.read_bytes(), 0)
        names = [
            _operator_name(model.OperatorCodes(index))
            for index in range(model.OperatorCodesLength())
        ]
        graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
        if sum(graph.OperatorsLength() for graph in graphs) > _MOST_OPERATORS:
            raise ValueError(f"more than {_MOST_OPERATORS} operators")
        return Counter(
            names[graph.Operators(index).OpcodeIndex()]
            for graph in graphs
            for index in range(graph.OperatorsLength())
        )
    # A damaged table raises whatever the step that reads past it raises.
    except Exception as error:
        raise BadInput(f"is a damaged TFLite file: {reason(error)}", where=path.name) from error


def _operator_name(code: Any) -> str:
    from ethosu.vela.tflite.BuiltinOperator import BuiltinOperator

    names: dict[int, str] = {v: name for name, v in vars(BuiltinOperator).items() if name.isupper()}
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == BuiltinOperator.CUSTOM:
        return bytes(code.CustomCode() or b"").decode(errors="replace")[:100]
    return names.get(number, f"number {number}")
