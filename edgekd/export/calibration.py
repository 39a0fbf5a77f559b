"""The samples that static quantization is calibrated on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput
from edgekd.export.contract import ExportRequest


def calibration_samples(request: ExportRequest) -> npt.NDArray[np.float32 | np.int32]:
    """The request's calibration samples, ``[N, *sample_shape]`` of its dtype, N at least 1.

    Raises:
        BadInput: there are none, their shape or kind is not that of the model's input, or one of
            them holds NaN or infinity.
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
    if not np.can_cast(samples.dtype, request.dtype, "same_kind"):
        raise BadInput(
            f"calibration samples of {samples.dtype} do not fit an input of {request.dtype}"
        )
    if not np.isfinite(samples).all():
        raise BadInput("a calibration sample holds NaN or infinity")
    return samples.astype(request.dtype, copy=False)
