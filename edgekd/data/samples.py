"""Samples as a source gives them, before they are split and preprocessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.recipe import Data

UNLABELLED = -1


@dataclass(frozen=True)
class Samples:
    """All samples of a source.

    Attributes:
        inputs: uint8, int16 or float32; images ``[N, C, H, W]``, features ``[N, F]``.
        labels: int64 ``[N]``, index into ``class_names``; -1 where a sample has no label.
        class_names: in the order of the outputs.
        scale: what a stored value is multiplied by to lie in [0, 1] (audio: -1 to 1).
        names: one for each sample, unique; answers of a teacher may be recorded under them.
        groups: name of each sample's group (its speaker, for example), for splits by group.
        official_test: bool ``[N]``, the samples that the source itself holds out for testing.
        texts: one for each sample, where it is a text.
        outside: texts that belong to no class, for measuring whether a network can tell.

    Audio is ``[N, samples]`` int16 here, texts have inputs ``[N, 0]``; features and tokens are
    computed afterwards.
    """

    inputs: npt.NDArray[Any]
    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    scale: float
    names: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    official_test: npt.NDArray[np.bool_] | None = None
    texts: tuple[str, ...] | None = None
    outside: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise BadInput(f"{len(self.inputs)} inputs but {len(self.labels)} labels", where="data")
        if self.texts is not None and len(self.texts) != len(self.labels):
            raise BadInput(f"{len(self.texts)} texts but {len(self.labels)} labels", where="data")
        if self.inputs.ndim not in (2, 4):
            raise BadInput(
                f"inputs have shape {self.inputs.shape}",
                where="data",
                mend="give [N, C, H, W] or [N, H, W] images, or [N, F] features",
            )
        if len(self.class_names) < 2:
            raise BadInput("there are fewer than two classes", where="data")


class Source(Protocol):
    """One module under ``edgekd.data``."""

    def fingerprint(self, data: Data) -> str:
        """A content hash of what ``load`` would read; quick, and imports nothing heavy."""
        ...

    def load(self, data: Data) -> Samples:
        """Read every sample.

        Raises:
            BadInput: the files are not what they should be; the first bad one is named.
            MissingPackage: the package that carries the data is not installed.
        """
        ...
