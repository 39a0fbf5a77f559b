"""A target whose runtime is not here: its artifact is exported and sized, and never run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekd.devices.contract import Array, Figures, Signature
from edgekd.errors import BadInput, Unavailable
from edgekd.files import content_bytes
from edgekd.records import Memory
from edgekd.target import Target

_REASON = "exported, not run"


class NotRunDevice:
    """Tells the size of a file and nothing else."""

    def describe(self, artifact: Path, target: Target) -> Signature:
        """Only a runtime could tell.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(_reason(target), where=artifact.name)

    def run_outputs(self, artifact: Path, target: Target, inputs: Sequence[Array]) -> list[Array]:
        """There are none.

        Raises:
            Unavailable: always.
        """
        raise Unavailable(_reason(target), where=artifact.name)

    def measure(
        self, artifact: Path, target: Target, inputs: Sequence[Array] | None = None
    ) -> Figures:
        """The size of the file; the reason says that no figure was measured.

        Raises:
            BadInput: there is no such file.
        """
        try:
            size = content_bytes(artifact)
        except OSError as error:
            raise BadInput("there is no such file", where=str(artifact)) from error
        return Figures(reasons=[_reason(target)], memory=Memory(model_bytes=size))


def _reason(target: Target) -> str:
    return f"{_REASON}: there is no {target.runtime} runtime to run it with"
