"""An emulated microcontroller as a device: every inference runs on the real instruction set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekd.devices.contract import Array, Figures, Signature
from edgekd.devices.microcontroller.firmware.build import Firmware, build_firmware
from edgekd.devices.microcontroller.link.emulator import TIMEOUT_SECONDS, run_emulator
from edgekd.devices.microcontroller.link.payloads import decode_outputs, encode_inputs
from edgekd.devices.microcontroller.link.protocol import Answer, Hello
from edgekd.devices.tensors import random_inputs
from edgekd.errors import BadInput, RunFailed
from edgekd.records import Memory
from edgekd.target import Target

# Counts hardly depend on the input, but softmax and the like do a little.
MEASURED_SAMPLES = 4
# Requests of one emulation, which lie in a file of the temporary folder.
MAX_BATCH_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class QemuDevice:
    """Runs C libraries on emulated boards; see :class:`edgekd.devices.contract.Device`.

    The artifact is ``model.c`` in the folder of its library.

    Attributes:
        timeout_seconds: an emulation that takes longer is stopped and counts as failed.
    """

    timeout_seconds: float = TIMEOUT_SECONDS

    def describe(self, artifact: Path, target: Target) -> Signature:
        """Boot the firmware and ask it; see :meth:`contract.Device.describe`."""
        return self._hello(_firmware(artifact, target)).signature

    def run_outputs(self, artifact: Path, target: Target, inputs: Sequence[Array]) -> list[Array]:
        """Run every sample on the board; see :meth:`contract.Device.run_outputs`."""
        firmware = _firmware(artifact, target)
        hello = self._hello(firmware)
        answers: list[Answer] = []
        for batch in _batches(encode_inputs(hello, inputs)):
            emulation = run_emulator(firmware, batch, timeout_seconds=self.timeout_seconds)
            answers += emulation.answers
        return decode_outputs(hello, answers)

    def measure(
        self, artifact: Path, target: Target, inputs: Sequence[Array] | None = None
    ) -> Figures:
        """Count instructions, stack, flash and RAM; see :meth:`contract.Device.measure`."""
        from edgekd.devices.microcontroller.figures import measure_firmware

        try:
            firmware = _firmware(artifact, target)
            hello = self._hello(firmware)
            samples = inputs or random_inputs(hello.signature.inputs, MEASURED_SAMPLES, seed=0)
            payloads = encode_inputs(hello, [array[:MEASURED_SAMPLES] for array in samples])
            return measure_firmware(firmware, target, payloads, self.timeout_seconds)
        except RunFailed as error:
            return Figures(reasons=[str(error)], memory=Memory())

    def _hello(self, firmware: Firmware) -> Hello:
        return run_emulator(firmware, [], timeout_seconds=self.timeout_seconds).hello


def _firmware(artifact: Path, target: Target) -> Firmware:
    if artifact.name != "model.c":
        raise BadInput("is not the model.c of a C library", where=str(artifact))
    return build_firmware(artifact.parent, target)


def _batches(payloads: list[bytes]) -> Iterator[list[bytes]]:
    size = max(1, MAX_BATCH_BYTES // max(1, len(payloads[0])))
    for start in range(0, len(payloads), size):
        yield payloads[start : start + size]
