"""Taps: what named modules of a network gave while it answered.

Imported only where torch is in use already.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from edgekd.errors import BadInput

_TAP = re.compile(r"(?P<path>[^\[\]]*)(?P<keys>(?:\[[^\[\]]+\])*)")
_KEY = re.compile(r"\[([^\[\]]+)\]")
_INDEX = re.compile(r"-?\d+")
_NEAR = 5


@dataclass
class Seen:
    """What a network answered, and what was seen inside it.

    Attributes:
        logits: the output, ``[N, classes]``.
        taps: tensor of each tap, under the name that the recipe gives it.
        padding: bool ``[N, T]``, where the inputs were token numbers: true where there is none.
    """

    logits: torch.Tensor
    taps: dict[str, torch.Tensor]
    padding: torch.Tensor | None = None


@dataclass(frozen=True)
class _Tap:
    name: str
    path: str
    keys: tuple[str, ...]


class Tapped(nn.Module):
    """A network together with taps on its modules.

    The hooks live only while ``forward`` runs: the network itself, its copies and its state dict
    stay as they were, and no feature outlives the ``Seen`` that holds it.

    A tensor that a later module overwrites in place (``ReLU(inplace=True)``) is seen as that
    module left it.

    Args:
        network: gives one tensor of logits; reachable as ``.network``.
        paths: taps. ``path`` is a module in ``named_modules()``; ``path[1]`` takes one of several
            outputs, ``path[attentions]`` a field of a dict; keys may follow each other.

    Raises:
        BadInput: the network has no module of that path; the nearest ones are listed.
    """

    def __init__(self, network: nn.Module, paths: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._taps = [_parse(name) for name in dict.fromkeys(paths)]
        modules = dict(network.named_modules(remove_duplicate=False))
        for tap in self._taps:
            if tap.path not in modules:
                raise _unknown_module(tap, [path for path in modules if path])

    def forward(self, inputs: torch.Tensor) -> Seen:
        """Answer, and give what the taps saw.

        Args:
            inputs: ``[N, *sample_shape]``, or token numbers, integers ``[N, T]``, 0 for padding.

        Raises:
            BadInput: a tapped module did not run, or ran more than once; it gave no tensor under
                the tap's keys; the network's own output is not a tensor.
        """
        with watched(self.network, [tap.path for tap in self._taps]) as outputs:
            logits = self.network(inputs)
        if not isinstance(logits, torch.Tensor):
            raise BadInput(f"the network gives {_kind(logits)}, not a tensor of logits")
        taps = {tap.name: _tensor(tap, outputs[tap.path]) for tap in self._taps}
        return Seen(logits, taps, None if inputs.is_floating_point() else inputs == 0)


@contextmanager
def watched(network: nn.Module, paths: Sequence[str]) -> Iterator[dict[str, list[object]]]:
    """What named modules give while the context lives, whoever calls the network.

    Args:
        network: whose modules they are.
        paths: of modules in ``named_modules()``.

    Yields:
        For each path the outputs of its module so far, in order.
    """
    outputs: dict[str, list[object]] = {path: [] for path in paths}
    with ExitStack() as hooks:
        for path, kept in outputs.items():
            module = network.get_submodule(path)
            hooks.enter_context(module.register_forward_hook(_keep_in(kept)))
        yield outputs


def _parse(name: str) -> _Tap:
    match = _TAP.fullmatch(name)
    if match is None:
        raise BadInput(f"tap {name!r} cannot be read", mend="write path, path[1] or path[key]")
    return _Tap(name, match["path"], tuple(_KEY.findall(match["keys"])))


def _unknown_module(tap: _Tap, paths: list[str]) -> BadInput:
    near = difflib.get_close_matches(tap.path, paths, n=_NEAR, cutoff=0.0)
    mend = f"near: {', '.join(near)}" if near else "it has no modules inside"
    return BadInput(f"the network has no module {tap.path!r} to tap", mend=mend)


def _keep_in(kept: list[object]) -> Callable[[nn.Module, object, object], None]:
    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        kept.append(output)

    return hook


def _tensor(tap: _Tap, outputs: list[object]) -> torch.Tensor:
    """The tensor that a tap means, of all that its module gave in one forward."""
    if not outputs:
        raise BadInput(
            f"the tapped module {tap.path!r} did not run",
            mend="tap a module that the network calls",
        )
    if len(outputs) > 1:
        raise BadInput(
            f"the tapped module {tap.path!r} ran {len(outputs)} times in one forward",
            mend="tap a module that runs once",
        )
    output = outputs[0]
    for key in tap.keys:
        output = _pick(tap, output, key)
    if not isinstance(output, torch.Tensor):
        several = isinstance(output, (tuple, list, Mapping))
        mend = f"choose one of its outputs: {tap.name}[0] or {tap.name}[key]" if several else ""
        raise BadInput(f"the tap {tap.name!r} gives {_kind(output)}, not a tensor", mend=mend)
    return output


def _pick(tap: _Tap, output: object, key: str) -> object:
    if isinstance(output, Mapping) and key in output:
        picked: object = output[key]
        return picked
    if isinstance(output, (tuple, list)) and _INDEX.fullmatch(key):
        index = int(key)
        if -len(output) <= index < len(output):
            return output[index]
    raise BadInput(f"the tap {tap.name!r} finds no [{key}] in {_kind(output)}")


def _kind(output: object) -> str:
    if isinstance(output, Mapping):
        return f"{type(output).__name__} with the keys {', '.join(map(str, output))}"
    if isinstance(output, (tuple, list)):
        return f"{type(output).__name__} of {len(output)}"
    return type(output).__name__
