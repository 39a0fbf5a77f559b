"""An Ethos-U NPU as Arm's Vela estimates it: cycles and memory, no outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgekd.devices.contract import Array, Figures, Signature
from edgekd.devices.host import HostDevice
from edgekd.errors import RunFailed, Unavailable
from edgekd.measure.vela import VelaEstimate, accelerator_named, estimate_vela
from edgekd.records import Memory
from edgekd.target import Target


class VelaDevice:
    """Estimates full-integer ``.tflite`` files; ``target.runtime`` names the accelerator."""

    def describe(self, artifact: Path, target: Target) -> Signature:
        """Read the artifact's inputs and outputs with LiteRT; see ``contract.Device.describe``."""
        return HostDevice().describe(artifact, target.model_copy(update={"runtime": "litert"}))

    def run_outputs(self, artifact: Path, target: Target, inputs: Sequence[Array]) -> list[Array]:
        """There are none.

        Raises:
            Unavailable: always.
        """
        raise Unavailable("Vela compiles and estimates, it runs nothing", where=artifact.name)

    def measure(
        self, artifact: Path, target: Target, inputs: Sequence[Array] | None = None
    ) -> Figures:
        """Cycles and memory of one inference as Vela estimates them; the inputs do not matter.

        RAM is the peak of SRAM, flash is the compiled file. Where operators are left to the CPU
        the cycles are not those of an inference, and the figures say so.

        Raises:
            BadInput: Vela refuses the file, or leaves all of it to the CPU; or there is no
                accelerator of that name.
            MissingPackage: Vela is not installed.
        """
        accelerator = accelerator_named(target.runtime)
        try:
            with tempfile.TemporaryDirectory(prefix="edgekd-vela-") as folder:
                _, estimate = estimate_vela(artifact, Path(folder), accelerator)
        except RunFailed as error:
            return Figures(reasons=[str(error)])
        memory = Memory(
            ram_bytes=estimate.sram_bytes,
            arena_bytes=estimate.sram_bytes,
            flash_bytes=estimate.compiled_bytes,
            model_bytes=artifact.stat().st_size,
        )
        return Figures(
            reasons=_reasons(estimate),
            cycles=estimate.cycles,
            memory=memory,
            assumptions=estimate.assumptions,
        )


def _reasons(estimate: VelaEstimate) -> list[str]:
    if not estimate.cpu_operators:
        return []
    names = ", ".join(estimate.cpu_operators)
    return [f"the cycles are the NPU's alone: Vela leaves {names} to the CPU and does not time it"]
