"""Class folders: ``<path>/<class>/<file>``, and ``unlabelled`` beside them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgekd.data.samples import UNLABELLED
from edgekd.errors import BadInput
from edgekd.files import digest, sha256_of
from edgekd.recipe import Data

UNLABELLED_FOLDER = "unlabelled"


def data_root(data: Data, files: str) -> Path:
    """The folder that ``data.path`` names.

    Args:
        data: of the recipe.
        files: what lies in it, in words.

    Raises:
        BadInput: ``data.path`` is missing or no folder.
    """
    if data.path is None:
        raise BadInput("is missing", where="data.path", mend=f"name the folder of {files}")
    root = Path(data.path)
    if not root.is_dir():
        raise BadInput("is not a folder", where=str(root), mend="check data.path in the recipe")
    return root


def class_names(root: Path, endings: AbstractSet[str], files: str) -> tuple[str, ...]:
    """Names of the class folders, sorted, without ``unlabelled``.

    Args:
        root: holds them.
        endings: of the files that count, in lower case.
        files: what these are, in words.

    Raises:
        BadInput: there is no class folder, or one has no such file.
    """
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    for folder in folders:
        if not any(path.suffix.lower() in endings for path in folder.rglob("*")):
            raise BadInput(
                f"the class {folder.name!r} has no {files}",
                where=str(folder),
                mend=f"add {files} ({', '.join(sorted(endings))}) or remove the folder",
            )
    names = tuple(folder.name for folder in folders if folder.name != UNLABELLED_FOLDER)
    if not names:
        raise BadInput(
            "has no class folders",
            where=str(root),
            mend=f"put the {files} of each class into a folder of its name",
        )
    return names


def class_files(root: Path, endings: AbstractSet[str]) -> list[Path]:
    """Every file of the class folders that counts, sorted."""
    return visible_files(root, "*/**/*", endings)


def visible_files(folder: Path, pattern: str, endings: AbstractSet[str]) -> list[Path]:
    """The files that a glob pattern matches in a folder, sorted; hidden ones are left out.

    Args:
        folder: holds them.
        pattern: of their paths in it.
        endings: of the files that count, in lower case.
    """
    return sorted(
        path
        for path in folder.glob(pattern)
        if path.suffix.lower() in endings
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def class_labels(root: Path, files: list[Path], names: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """The label of each file, int64: the place of its folder among the names, -1 for none."""
    places = {name: number for number, name in enumerate(names)}
    found = [places.get(path.relative_to(root).parts[0], UNLABELLED) for path in files]
    return np.asarray(found, dtype=np.int64)


def folder_fingerprint(root: Path, files: list[Path]) -> str:
    """A hash over the relative name and the content of each file."""
    return digest([[path.relative_to(root).as_posix(), sha256_of(path)] for path in files])
