"""Named tensors in safetensors files: written whole, read after a look at the header."""

from __future__ import annotations

from pathlib import Path

import torch

from edgekd.errors import BadInput, RunFailed
from edgekd.files import replacing

_DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "U32", "I16", "U16", "I8", "U8", "BOOL")


def write_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write tensors so that a reader sees the old file or the new, never a part.

    Raises:
        RunFailed: the folder cannot be written or the disk is full; the old file is intact.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    with replacing(path) as temporary:
        try:
            save_file({name: value.contiguous() for name, value in tensors.items()}, temporary)
        except SafetensorError as error:
            raise RunFailed(
                f"cannot be written: {error}", where=str(path), mend="free some space"
            ) from error


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes by name, from the header alone.

    Raises:
        BadInput: missing, truncated, not safetensors, or of a dtype that models do not have.
    """
    from safetensors import SafetensorError, safe_open

    try:
        shapes = {}
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - the file is no mapping
                part = file.get_slice(name)
                if part.get_dtype() not in _DTYPES:
                    raise BadInput(f"{name!r:.80} is {part.get_dtype()}", where=str(path))
                shapes[name] = tuple(part.get_shape())
        return shapes
    except (SafetensorError, OSError) as error:
        raise BadInput(f"is not a whole safetensors file: {error}", where=str(path)) from error


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a file, on the CPU.

    Raises:
        BadInput: missing, truncated or not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"is not a whole safetensors file: {error}", where=str(path)) from error


def read_shaped(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Tensors that must have just these names and shapes; nothing is read before that is seen.

    Raises:
        BadInput: damaged, or names or shapes differ; the first ones are named.
    """
    given = tensor_shapes(path)
    wrong = [
        f"{name} is {list(given[name]) if name in given else 'missing'}, not {list(shape)}"
        for name, shape in shapes.items()
        if given.get(name) != shape
    ]
    wrong += [f"{name!r:.80} is unknown" for name in given if name not in shapes]
    if wrong:
        raise BadInput(
            f"does not fit its architecture: {'; '.join(wrong[:3])}",
            where=str(path),
            mend="save the model anew",
        )
    return read_tensors(path)
