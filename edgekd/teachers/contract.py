"""What a loaded teacher is, whatever file it came from."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt


class LoadedTeacher(Protocol):
    """A teacher that is run by the runtime of its own file format.

    Attributes:
        class_names: of its outputs, in their order; null: neither the recipe nor the file tells.
        parameters: weights in the file (no quantization scales, no shapes); null: unknown.
        size_bytes: of everything that is loaded; null: unknown.
        input_shape: with the batch first, in the teacher's own layout; null for a size that is
            free, and for the whole shape where the file does not tell.
    """

    class_names: tuple[str, ...] | None
    parameters: int | None
    size_bytes: int | None
    input_shape: tuple[int | None, ...] | None

    def logits(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Ask the teacher.

        Args:
            inputs: float32 ``[N, ...]`` in the teacher's own layout, preprocessed as it wants.

        Returns:
            float32 logits ``[N, classes of the teacher]``; log-probabilities where its outputs
            are probabilities.

        Raises:
            BadInput: the inputs do not fit, or the outputs are not what the recipe says.
            RunFailed: the runtime failed, or an output is NaN or infinite.
        """
        ...
