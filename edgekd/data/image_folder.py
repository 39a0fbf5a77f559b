"""A folder of images in class folders: ``<path>/<class>/<image>``.

A folder called ``unlabelled`` beside the class folders holds images without a label; they train
the student through the teacher alone.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.data.samples import UNLABELLED, Samples
from edgekd.errors import BadInput, MissingPackage
from edgekd.files import digest, sha256_of
from edgekd.recipe import Data

UNLABELLED_FOLDER = "unlabelled"
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".ppm"})
MAX_PIXELS = 64 * 1024 * 1024


def fingerprint(data: Data) -> str:
    """A hash over the relative name and the content of every image."""
    root = _root(data)
    return digest([[str(p.relative_to(root)), sha256_of(p)] for p in _images(root)])


def load(data: Data) -> Samples:
    """Read, convert and resize every image: uint8 ``[N, channels, height, width]``."""
    root = _root(data)
    if data.image_size is None:
        raise BadInput("is missing", where="data.image_size", mend="give [height, width]")
    class_names = _classes(root)
    index = {name: number for number, name in enumerate(class_names)}
    paths = _images(root)
    inputs = np.stack([_read_image(path, data.image_size, data.channels) for path in paths])
    labels = [index.get(path.relative_to(root).parts[0], UNLABELLED) for path in paths]
    return Samples(inputs, np.asarray(labels, dtype=np.int64), class_names, scale=1 / 255)


def _root(data: Data) -> Path:
    if data.path is None:
        raise BadInput("is missing", where="data.path", mend="name the folder of class folders")
    root = Path(data.path)
    if not root.is_dir():
        raise BadInput("is not a folder", where=str(root), mend="check data.path in the recipe")
    return root


def _classes(root: Path) -> tuple[str, ...]:
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    for folder in folders:
        if not any(path.suffix.lower() in ENDINGS for path in folder.rglob("*")):
            raise BadInput(
                f"the class {folder.name!r} has no images",
                where=str(folder),
                mend=f"add images ({', '.join(sorted(ENDINGS))}) or remove the folder",
            )
    return tuple(folder.name for folder in folders if folder.name != UNLABELLED_FOLDER)


def _images(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.glob("*/**/*")
        if path.suffix.lower() in ENDINGS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )


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
