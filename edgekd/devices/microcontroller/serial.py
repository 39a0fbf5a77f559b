"""A real board on a serial port as a device: its own answers, and its own cycles.

The board must run the firmware that is built from this library for this target; see
``docs/boards.md`` for how it gets there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekd.devices.contract import Array, Figures, Signature
from edgekd.devices.microcontroller.firmware.build import Firmware, build_firmware
from edgekd.devices.microcontroller.link.payloads import decode_outputs, encode_inputs
from edgekd.devices.microcontroller.link.serial_session import open_session
from edgekd.devices.tensors import random_inputs
from edgekd.errors import BadInput, RunFailed
from edgekd.target import Target

TIMEOUT_SECONDS = 20.0
# A few different inputs, as softmax and the like depend on them a little.
MEASURED_SAMPLES = 8


@dataclass(frozen=True)
class SerialDevice:
    """Runs C libraries on a real board; see :class:`edgekd.devices.contract.Device`.

    The artifact is ``model.c`` in the folder of its library. The image is built here as well: by
    its hash the board is known to run it, and flash and RAM are read from it.

    Attributes:
        timeout_seconds: a board that is silent for so long over one request counts as failed.
    """

    timeout_seconds: float = TIMEOUT_SECONDS

    def describe(self, artifact: Path, target: Target) -> Signature:
        """Ask the board; see :meth:`contract.Device.describe`."""
        with open_session(_firmware(artifact, target), target, self.timeout_seconds) as session:
            return session.hello.signature

    def run_outputs(self, artifact: Path, target: Target, inputs: Sequence[Array]) -> list[Array]:
        """Run every sample on the board; see :meth:`contract.Device.run_outputs`."""
        with open_session(_firmware(artifact, target), target, self.timeout_seconds) as session:
            payloads = encode_inputs(session.hello, inputs)
            answers = [session.run(payload).answer for payload in payloads]
            session.finish()
            return decode_outputs(session.hello, answers)

    def measure(
        self, artifact: Path, target: Target, inputs: Sequence[Array] | None = None
    ) -> Figures:
        """Cycles, milliseconds, stack, flash and RAM; see :meth:`contract.Device.measure`.

        Milliseconds are cycles at the clock that the target states; without one there are none.
        """
        from edgekd.devices.microcontroller.serial_figures import measure_board

        try:
            with open_session(_firmware(artifact, target), target, self.timeout_seconds) as session:
                samples = inputs or random_inputs(
                    session.hello.signature.inputs, MEASURED_SAMPLES, seed=0
                )
                few = [array[:MEASURED_SAMPLES] for array in samples]
                return measure_board(session, target, encode_inputs(session.hello, few))
        except RunFailed as error:
            return Figures(reasons=[str(error)])


def _firmware(artifact: Path, target: Target) -> Firmware:
    if artifact.name != "model.c":
        raise BadInput("is not the model.c of a C library", where=str(artifact))
    firmware = build_firmware(artifact.parent, target)
    if firmware.board.emulator is not None:
        raise BadInput(
            f"the board {firmware.board.name} is an emulated one",
            where=target.name,
            mend="use the device qemu-cortex-m",
        )
    return firmware
