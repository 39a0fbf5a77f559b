"""Generated C on emulated cores beside TensorFlow Lite Micro: instructions, arena, flash, outputs.

    python benchmarks/microcontrollers.py --models FOLDER

The folder holds the four int8 models of MLPerf Tiny: kws_int8.tflite, ic_int8.tflite,
vww_int8.tflite and ad_int8.tflite. Prints Markdown; ends with 1 where outputs are not those of
LiteRT's reference kernels (BUILTIN_REF), to the bit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from edgekd.catalog import find_targets
from edgekd.devices.contract import Array, Figures
from edgekd.devices.host import HostDevice
from edgekd.devices.microcontroller.device import MEASURED_SAMPLES, QemuDevice
from edgekd.devices.tensors import random_inputs
from edgekd.errors import EdgekdError
from edgekd.export.c.exporter import export_tflite
from edgekd.target import Target

Number = TypeVar("Number", int, float)
MODELS = ("kws", "ic", "vww", "ad")
CORES = ("cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "riscv32")
# TensorFlow Lite Micro of August 2026 with CMSIS-NN (M55: its MVE kernels): kernels -O2, core -Os,
# gcc 12.2; instructions from the call of Invoke() to its return, mean of 4 inputs, counted by the
# same plugin on the same emulated boards; arena as arena_used_bytes() reports it; non-model flash
# with the semihosting harness left out. Measured once for this comparison.
PEER = {
    "cortex-m4": (7_699_005, 29_864_619, 24_101_961, 582_920),
    "cortex-m7": (7_644_805, 30_026_490, 24_025_587, 583_233),
    "cortex-m33": (7_681_297, 29_964_582, 24_046_769, 583_374),
    "cortex-m55": (1_814_867, 4_913_756, 6_558_337, 149_996),
}
PEER_ARENA = {
    "cortex-m4": (22_820, 54_996, 100_708, 2_580),
    "cortex-m55": (27_348, 55_028, 100_772, 9_268),
}
PEER_FLASH = {"cortex-m4": 104_036, "cortex-m55": 90_780}
# What was aimed at: at most these shares of the peer's figures.
BARS = {
    "cortex-m4": (0.38, 0.40, 0.38, 0.50),
    "cortex-m7": (0.40, 0.42, 0.40, 0.50),
    "cortex-m33": (0.40, 0.42, 0.40, 0.50),
    "cortex-m55": (0.40, 0.45, 0.40, 0.40),
}
ARENA_BARS = {"cortex-m4": (0.50, 0.70, 0.50, 0.50)}
FLASH_BARS = {"cortex-m4": 16 * 1024}
# A thousand inferences of the plain kernels take minutes.
TIMEOUT_SECONDS = 3600.0
HEADER = (
    *("core", "model", "instructions", "TFLM", "ratio", "bar"),
    *("arena", "TFLM", "ratio", "bar", "non-model flash", "TFLM", "bar"),
    *("stack", "equal to BUILTIN_REF", "cycles (estimate)"),
)


@dataclass(frozen=True)
class Row:
    """One model on one core."""

    core: str
    model: str
    figures: Figures
    equal: int
    samples: int

    def cells(self) -> list[str]:
        """As ``HEADER`` names them."""
        memory = self.figures.memory
        flash = _difference(memory.flash_bytes, memory.model_bytes)
        estimate = self.figures.estimate
        return [
            self.core,
            self.model,
            *_beside(self.figures.instructions, self._of(PEER), self._of(BARS)),
            *_beside(memory.arena_bytes, self._of(PEER_ARENA), self._of(ARENA_BARS)),
            *map(_number, (flash, PEER_FLASH.get(self.core), FLASH_BARS.get(self.core))),
            _number(memory.stack_bytes),
            f"{self.equal:,} of {self.samples:,}",
            _number(estimate.cycles if estimate else None),
        ]

    def _of(self, table: Mapping[str, Sequence[Number]]) -> Number | None:
        row = table.get(self.core)
        return row[MODELS.index(self.model)] if row else None


def measure(model: Path, name: str, target: Target, samples: int, seed: int) -> Row:
    """Generate, compile, run and count.

    Raises:
        EdgekdError: the model does not fit, or a tool is missing.
    """
    assert target.microcontroller is not None
    device = QemuDevice(TIMEOUT_SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        exported = export_tflite(
            model, target.microcontroller, Path(folder), target.budget.ram_bytes
        )
        artifact = exported.path
        inputs = random_inputs(device.describe(artifact, target).inputs, samples, seed)
        figures = device.measure(artifact, target, [one[:MEASURED_SAMPLES] for one in inputs])
        outputs = device.run_outputs(artifact, target, inputs)
    litert = target.model_copy(update={"runtime": "litert"})
    wanted = HostDevice().run_outputs(model, litert, inputs, reference=True)
    return Row(target.name, name, figures, _equal_samples(outputs, wanted), samples)


def _equal_samples(found: list[Array], wanted: list[Array]) -> int:
    same = [
        (one == other).reshape(len(one), -1).all(axis=1)
        for one, other in zip(found, wanted, strict=True)
    ]
    return int(np.logical_and.reduce(same).sum())


def _beside(own: float | None, peer: int | None, bar: float | None) -> list[str]:
    ratio = own / peer if own and peer else None
    missed = ratio is not None and bar is not None and ratio > bar
    shown = "-" if ratio is None else f"{ratio:.3f}{' (missed)' if missed else ''}"
    return [_number(own), _number(peer), shown, "-" if bar is None else f"{bar:.2f}"]


def _difference(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="folder of the four models")
    parser.add_argument("--cores", nargs="+", default=CORES, choices=CORES, metavar="CORE")
    parser.add_argument("--samples", type=int, default=1000, help="random inputs to compare")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--flash", choices=("size", "speed"), default="size")
    return parser.parse_args()


def main() -> int:
    options = _options()
    print(f"flash: {options.flash}. TFLM: TensorFlow Lite Micro with CMSIS-NN.\n")
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    wrong = False
    for target in find_targets(list(options.cores)):
        assert target.microcontroller is not None
        part = target.microcontroller.model_copy(update={"flash": options.flash})
        chosen = target.model_copy(update={"microcontroller": part})
        for name in MODELS:
            model = options.models / f"{name}_int8.tflite"
            try:
                row = measure(model, name, chosen, options.samples, options.seed)
            except EdgekdError as error:
                wrong = True
                print(f"| {target.name} | {name} | {error} |{' |' * (len(HEADER) - 3)}", flush=True)
                continue
            wrong = wrong or row.equal != row.samples or bool(row.figures.reasons)
            print(f"| {' | '.join(row.cells())} |", flush=True)
            for reason in row.figures.reasons:
                print(f"{target.name}, {name}: {reason}", file=sys.stderr)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
