"""A folder of images in class folders: ``<path>/<class>/<image>``.

A folder called ``unlabelled`` beside the class folders holds images without a label; they train
the student through the teacher alone.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.data.class_folders import (
    class_files,
    class_labels,
    class_names,
    data_root,
    folder_fingerprint,
)
from edgekd.data.samples import Samples
from edgekd.errors import BadInput, MissingPackage
from edgekd.recipe import Data

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".ppm"})
MAX_PIXELS = 64 * 1024 * 1024


def fingerprint(data: Data) -> str:
    """A hash over the relative name and the content of every image."""
    root = data_root(data, "class folders")
    return folder_fingerprint(root, class_files(root, ENDINGS))


def load(data: Data) -> Samples:
    """Read, convert and resize every image: uint8 ``[N, channels, height, width]``."""
    root = data_root(data, "class folders")
    if data.image_size is None:
        raise BadInput("is missing", where="data.image_size", mend="give [height, width]")
    names = class_names(root, ENDINGS, "images")
    files = class_files(root, ENDINGS)
    inputs = np.stack([_read_image(path, data.image_size, data.channels) for path in files])
    return Samples(inputs, class_labels(root, files, names), names, scale=1 / 255)


def _read_image(path: Path, size: tuple[int, int], channels: int) -> npt.NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingPackage(
            "Pillow is not installed", where="data.source", mend='pip install "edgekd[data]"'
        ) from error
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > MAX_PIXELS:
                raise BadInput(f"has more than {MAX_PIXELS} pixels", where=str(path))
            height, width = size
            mode = "L" if channels == 1 else "RGB"
            pixels = np.asarray(image.convert(mode).resize((width, height)), dtype=np.uint8)
    except BadInput:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds on a broken file.
        raise BadInput("is not an image", where=str(path), mend="remove or repair it") from error
    return pixels[None] if channels == 1 else np.moveaxis(pixels, -1, 0)
