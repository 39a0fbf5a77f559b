"""Torch modules by name: build, count, save, load, run."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from edgekd.errors import BadInput, MissingPackage, RunFailed
from edgekd.files import sha256_of
from edgekd.recipe import Network

if TYPE_CHECKING:
    import torch

_EVALUATION_BATCH = 250


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
    network: torch.nn.Module, sample_shape: Sequence[int], output_shape: Sequence[int], role: str
) -> None:
    """Run one zero input through a network.

    Raises:
        BadInput: it does not take this input, or its output is not ``[N, *output_shape]``.
    """
    import torch

    network.eval()
    try:
        with torch.no_grad():
            output = network(torch.zeros(2, *sample_shape))
    except Exception as error:
        raise BadInput(
            f"the {role} does not take inputs of shape {list(sample_shape)}: {error}",
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


def count_parameters(network: torch.nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def count_macs(network: torch.nn.Module, sample_shape: Sequence[int]) -> int:
    """Multiply-accumulates of convolutions and matrix products for one sample."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    network.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *sample_shape))
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


def run_network(
    network: torch.nn.Module, inputs: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Logits ``[N, classes]`` of float32 inputs ``[N, ...]``, in eval mode without gradients.

    Raises:
        RunFailed: an output is NaN or infinite.
    """
    import torch

    network.eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    batches = np.array_split(inputs, max(1, math.ceil(len(inputs) / _EVALUATION_BATCH)))
    with torch.no_grad():
        outputs = [network(torch.from_numpy(batch).to(device)).cpu().numpy() for batch in batches]
    logits = cast(npt.NDArray[np.float32], np.concatenate(outputs).astype(np.float32))
    if not np.isfinite(logits).all():
        raise RunFailed("the network's outputs hold NaN or infinity", mend="train it anew")
    return logits
