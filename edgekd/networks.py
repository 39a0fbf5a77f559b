"""Torch modules by name: build, count, save, load, run."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.files import sha256_of
from edgekd.padding import PADDING, without_padding
from edgekd.recipe import Network

if TYPE_CHECKING:
    import torch

_EVALUATION_BATCH = 250
# Fewer at once, so that a batch holds texts of much the same length.
_EVALUATION_TEXTS = 64


def require_torch() -> None:
    """Say in one line that torch is missing, before anything tries to use it."""
    if importlib.util.find_spec("torch") is None:
        raise MissingPackage("torch is not installed", mend='pip install "edgekd[train]"')


def network_file(spec: Network, recipe_folder: Path) -> Path:
    """The Python file that defines a network: ``students.py`` beside the recipe by default."""
    file, _, _ = spec.network.rpartition(":")
    path = recipe_folder / (file or "students.py")
    if not path.is_file():
        raise BadInput("there is no such file", where=str(path), mend="check the key 'network'")
    return path


def build_network(spec: Network, file: Path) -> torch.nn.Module:
    """Call the network's function. Its initial weights follow torch's global seed.

    Raises:
        BadInput: the file cannot be imported, has no such function, or the arguments do not fit.
    """
    require_torch()
    from torch import nn

    name = spec.network.rpartition(":")[2]
    module_name = f"edgekd_networks_{sha256_of(file)[:16]}"
    module = sys.modules.get(module_name)
    try:
        if module is None:
            module_spec = importlib.util.spec_from_file_location(module_name, file)
            assert module_spec is not None
            assert module_spec.loader is not None
            module = importlib.util.module_from_spec(module_spec)
            module_spec.loader.exec_module(module)
            sys.modules[module_name] = module
        function = getattr(module, name, None)
        if not callable(function):
            raise BadInput(f"defines no function {name!r}", where=str(file))
        network = function(**spec.arguments)
    except BadInput:
        raise
    except Exception as error:  # The user's own code may raise anything.
        raise BadInput(
            f"{name} cannot be built: {type(error).__name__}: {error}", where=str(file)
        ) from error
    if not isinstance(network, nn.Module):
        raise BadInput(f"{name} gives no torch.nn.Module", where=str(file))
    return network


def check_network(
    network: torch.nn.Module, zeros: npt.NDArray[Any], output_shape: Sequence[int], role: str
) -> None:
    """Run two inputs of zeros, ``[2, ...]`` of the dtype that it takes, through a network.

    Raises:
        BadInput: it does not take this input, or its output is not ``[N, *output_shape]``.
    """
    import torch

    network.eval()
    try:
        with torch.no_grad():
            output = network(torch.from_numpy(zeros))
    except Exception as error:
        raise BadInput(
            f"the {role} does not take inputs of shape {list(zeros.shape[1:])}: {error}",
            where=f"{role}.network",
        ) from error
    shape = list(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    if shape == [2, *output_shape]:
        return
    if len(output_shape) > 1 or not isinstance(shape, list) or len(shape) != 2:
        raise BadInput(
            f"the {role} gives {shape} for two samples, not {[2, *output_shape]}",
            where=f"{role}.network",
        )
    raise BadInput(
        f"the {role} gives {shape[-1]} outputs, but the data has {output_shape[0]} classes",
        where=f"{role}.arguments",
        mend=f"make the {role} end in {output_shape[0]} outputs",
    )


def takes_any_length(network: torch.nn.Module) -> bool:
    """Whether a network of texts says that it takes fewer tokens than the longest text has."""
    return bool(getattr(network, "any_length", False))


def count_parameters(network: torch.nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def count_macs(network: torch.nn.Module, zeros: npt.NDArray[Any]) -> int:
    """Multiply-accumulates of convolutions and matrix products for one sample.

    Args:
        network: any.
        zeros: one input of zeros, ``[1, ...]``, of the dtype that the network takes.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    network.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.from_numpy(zeros))
    return int(counter.get_total_flops()) // 2


def save_weights(network: torch.nn.Module, path: Path) -> None:
    """Write the state dict as safetensors."""
    from safetensors.torch import save_file

    save_file({k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}, path)


def load_weights(network: torch.nn.Module, path: Path) -> None:
    """Read a safetensors state dict into a network that must have just these tensors.

    Raises:
        BadInput: not safetensors, or names or shapes that do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
        network.load_state_dict(state)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"is not a safetensors file: {error}", where=str(path)) from error
    except RuntimeError as error:
        raise BadInput(f"does not fit the network: {error}", where=str(path)) from error


def run_network(network: torch.nn.Module, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Logits ``[N, classes]`` of inputs ``[N, ...]``, in eval mode without gradients.

    Args:
        network: where it says so (an attribute ``any_length``), texts are run in the order of
            their lengths, without the padding that none of a batch needs.
        inputs: float32, or int32 token numbers.

    Raises:
        RunFailed: an output is NaN or infinite.
    """
    import torch

    network.eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    shortens = takes_any_length(network) and inputs.dtype == np.int32
    order = np.argsort((inputs != PADDING).sum(axis=1), kind="stable") if shortens else None
    ordered = inputs if order is None else inputs[order]
    size = _EVALUATION_BATCH if order is None else _EVALUATION_TEXTS
    outputs = []
    with torch.no_grad():
        for batch in np.array_split(ordered, max(1, math.ceil(len(inputs) / size))):
            seen = torch.from_numpy(without_padding(batch) if shortens else batch)
            outputs.append(network(seen.to(device)).float().cpu().numpy())
    logits = cast(npt.NDArray[np.float32], np.concatenate(outputs).astype(np.float32))
    if order is not None:
        logits = logits[np.argsort(order)]
    if not np.isfinite(logits).all():
        raise RunFailed("the network's outputs hold NaN or infinity", mend="train it anew")
    return logits
