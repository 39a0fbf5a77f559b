"""Runs a generated library on an emulated board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekd.devices.microcontroller.firmware.build import build_firmware
from edgekd.devices.microcontroller.link.emulator import run_emulator
from edgekd.export.c.generate import Library
from edgekd.target import Target
from tests.export.c.host_library import write_library

Array = npt.NDArray[Any]


def run_emulated(
    library: Library, folder: Path, target: Target, samples: Sequence[Sequence[Array]]
) -> list[list[Array]]:
    """Outputs of each sample in one boot; every input and output in its stored type."""
    write_library(library, folder)
    firmware = build_firmware(folder, target)
    payloads = [b"".join(values.tobytes() for values in inputs) for inputs in samples]
    return [_outputs(library, one.outputs) for one in run_emulator(firmware, payloads).answers]


def _outputs(library: Library, data: bytes) -> list[Array]:
    outputs = []
    for index in library.graph.outputs:
        tensor = library.graph.tensors[index]
        outputs.append(np.frombuffer(data[: tensor.bytes], tensor.dtype).reshape(tensor.shape))
        data = data[tensor.bytes :]
    assert not data
    return outputs
