"""An emulated phone as a device: the ARM64 builds of the runtimes run every inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekd.devices.arm64.guest_process import open_guest
from edgekd.devices.arm64.protocol import Operation, decode_outputs, encode_inputs
from edgekd.devices.contract import Array, Figures, Signature
from edgekd.errors import RunFailed
from edgekd.target import Target

TIMEOUT_SECONDS = 900.0


@dataclass(frozen=True)
class QemuArm64Device:
    """Runs artifacts in ``qemu-aarch64``; see :class:`edgekd.devices.contract.Device`.

    Attributes:
        timeout_seconds: a guest process that takes longer is stopped and counts as failed.
    """

    timeout_seconds: float = TIMEOUT_SECONDS

    def describe(self, artifact: Path, target: Target) -> Signature:
        """Load the artifact in the guest and ask it; see :meth:`contract.Device.describe`."""
        with open_guest(artifact, target, self.timeout_seconds) as guest:
            return guest.describe().signature

    def run_outputs(self, artifact: Path, target: Target, inputs: Sequence[Array]) -> list[Array]:
        """Run every sample in one guest process; see :meth:`contract.Device.run_outputs`."""
        with open_guest(artifact, target, self.timeout_seconds) as guest:
            description = guest.describe()
            replies = []
            for payload in encode_inputs(description, inputs):
                reply = guest.ask(Operation.RUN, payload, most=description.output_bytes)
                if len(reply) != description.output_bytes:
                    raise RunFailed(
                        f"the guest's outputs have {len(reply)} bytes, "
                        f"not the {description.output_bytes} that it told",
                        where=artifact.name,
                    )
                replies.append(reply)
            return decode_outputs(description, replies)

    def measure(
        self, artifact: Path, target: Target, inputs: Sequence[Array] | None = None
    ) -> Figures:
        """Instructions and memory; see :meth:`contract.Device.measure`."""
        from edgekd.devices.arm64.figures import measure_artifact

        try:
            return measure_artifact(artifact, target, inputs, self.timeout_seconds)
        except RunFailed as error:
            return Figures(reasons=[str(error)])
