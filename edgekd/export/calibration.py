"""The samples that static quantization is calibrated on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.export.contract import ExportRequest


def calibration_samples(request: ExportRequest) -> npt.NDArray[np.float32]:
    """The request's calibration samples, float32 ``[N, *sample_shape]`` with N at least 1.

    Raises:
        BadInput: there are none, their shape is not that of the model's input, or one of them
            holds NaN or infinity.
    """
    samples = request.calibration
    if samples is None or len(samples) == 0:
        raise BadInput(
            f"{request.precision} needs calibration samples and was given none",
            mend="give preprocessed training inputs",
        )
    if samples.shape[1:] != tuple(request.sample_shape):
        raise BadInput(
            f"calibration samples of shape {samples.shape[1:]} do not fit an input of shape "
            f"{tuple(request.sample_shape)}"
        )
    if not np.isfinite(samples).all():
        raise BadInput("a calibration sample holds NaN or infinity")
    return samples.astype(np.float32, copy=False)
