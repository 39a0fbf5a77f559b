"""Weights of a torch module from safetensors, or from a checkpoint that holds only tensors.

``torch.load`` reads a checkpoint with ``weights_only``: its own reader of the pickle format knows
tensors, numbers, text and plain containers, and refuses every other name before it is looked up.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput
from edgekd.networks import require_torch
from edgekd.teachers.names import listed, listed_with_near

if TYPE_CHECKING:
    import torch

# Where training scripts put the state dict, beside the optimizer's and the epoch.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
# What DataParallel and torch.compile put before every name.
_PREFIXES = ("module.", "_orig_mod.")
_COUNTER = "num_batches_tracked"
_FOREIGN_NAME = re.compile(r"GLOBAL ([A-Za-z_]\w*(?:\.\w+)*)")
_SAVE_ANEW = "save it anew as safetensors, or torch.save(model.state_dict(), ...)"


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint, on the CPU; nothing in the file is run.

    The state dict may be the whole file, or lie under ``state_dict``, ``model_state_dict``,
    ``model`` or ``net``. A prefix ``module.`` or ``_orig_mod.`` that all names share is dropped.

    Raises:
        BadInput: missing, truncated, of another kind, packed larger than the file itself, or it
            holds something else than plain tensors.
        MissingPackage: torch is not installed.
    """
    require_torch()
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path), mend="check teacher.weights")
    with path.open("rb") as stream:
        start = stream.read(9)
    # A safetensors file starts with the length of its JSON header, 8 bytes.
    content = _read_safetensors(path) if start[8:] == b"{" else _read_checkpoint(path)
    state = _tensors(_unwrapped(content), path)
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def load_state(network: torch.nn.Module, path: Path) -> None:
    """Read a checkpoint into a network that must have just these tensors.

    Counters ``num_batches_tracked``, which old checkpoints lack, may be missing.

    Raises:
        BadInput: as for :func:`read_state_dict`; or names or shapes differ, the first of which
            are listed, a missing name with the one in the file that is nearest to it.
    """
    state = read_state_dict(path)
    own = network.state_dict()
    lacking = [name for name in own if name not in state]
    missing = [name for name in lacking if name.rpartition(".")[2] != _COUNTER]
    unexpected = [name for name in state if name not in own]
    misshapen = [
        f"{name} is {list(tensor.shape)}, not {list(own[name].shape)}"
        for name, tensor in state.items()
        if name in own and tensor.shape != own[name].shape
    ]
    problems = []
    if missing:
        problems.append(f"lacks {listed_with_near(missing, unexpected)}")
    if unexpected:
        problems.append(f"has {listed(unexpected)}, unknown to the network")
    if misshapen:
        problems.append("; ".join(misshapen[:3]))
    if problems:
        raise BadInput(
            f"does not fit the network: {'; '.join(problems)}",
            where=str(path),
            mend="check teacher.network and teacher.arguments",
        )
    network.load_state_dict({**state, **{name: own[name] for name in lacking}})


def _read_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"is not a whole safetensors file: {error}", where=str(path)) from error


def _read_checkpoint(path: Path) -> Any:
    import torch

    try:
        if zipfile.is_zipfile(path):
            _check_archive(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except BadInput:
        raise
    except Exception as error:  # The readers of zip, tar and pickle fail in many ways.
        foreign = _FOREIGN_NAME.search(str(error))
        if foreign:
            raise BadInput(
                f"holds more than tensors: {foreign[1]}; it is not loaded",
                where=str(path),
                mend=_SAVE_ANEW,
            ) from error
        raise BadInput(
            "is not a whole checkpoint of torch or safetensors", where=str(path), mend=_SAVE_ANEW
        ) from error


def _check_archive(path: Path) -> None:
    """torch stores its tensors unpacked: what unpacks to more than the file was made to harm."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise BadInput("is a TorchScript program, not weights", where=str(path), mend=_SAVE_ANEW)
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise BadInput("unpacks to more than its own size", where=str(path), mend=_SAVE_ANEW)


def _unwrapped(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    inner = (content.get(key) for key in _WRAPPERS)
    return next((value for value in inner if isinstance(value, dict)), content)


def _tensors(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """The content as a state dict, every entry of which was looked at."""
    import torch

    if not isinstance(content, dict) or not content:
        told = "an empty dict" if isinstance(content, dict) else f"a {type(content).__name__}"
        raise BadInput(f"holds {told}, no state dict", where=str(path), mend=_SAVE_ANEW)
    for name, value in content.items():
        plain = (
            isinstance(name, str)
            and type(value) in (torch.Tensor, torch.nn.Parameter)
            and value.layout == torch.strided
            and value.device.type == "cpu"
            and not value.is_quantized
            # A tensor of a few bytes can claim any shape by strides of 0.
            and value.nbytes <= value.untyped_storage().nbytes()
        )
        if not plain:
            raise BadInput(
                f"{str(name)[:80]!r} ({type(value).__name__}) is not a plain, dense tensor",
                where=str(path),
                mend=_SAVE_ANEW,
            )
    return content
