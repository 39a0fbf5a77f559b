"""What a teacher says about every view of every training sample: asked once, kept, combined."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edgekd.data.views import Views
from edgekd.errors import RunFailed
from edgekd.files import read_json, write_json

Ask = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
Look = Callable[[torch.Tensor], dict[str, torch.Tensor]]
Progress = Callable[[int, int], None]

MAX_TAP_BYTES = 8 * 1024**3
_BATCH = 500
_INDEX = "answers.json"


def record_logits(ask: Ask, views: Views, folder: Path, progress: Progress) -> None:
    """Ask about every view: float32 ``logits.npy``, ``[views, N, ...]``."""
    stored = None
    for view, samples in _parts(views, progress):
        outputs = ask(views.batch(torch.full_like(samples, view), samples).numpy())
        if stored is None:
            stored = _array(folder / "logits.npy", "float32", views, outputs.shape[1:])
        stored[view, samples.numpy()] = outputs
    _finish(folder, {"logits": "logits.npy"}, [stored])


def record_taps(look: Look, views: Views, folder: Path, progress: Progress) -> None:
    """Ask about every view and keep features too, in float16.

    Args:
        look: float32 inputs to ``logits`` and features by tap, each ``[B, ...]``.

    Raises:
        RunFailed: the features are too large to keep, or overflow float16.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    files: dict[str, str] = {}
    for view, samples in _parts(views, progress):
        with torch.no_grad():
            seen = look(views.batch(torch.full_like(samples, view), samples))
        if not arrays:
            _check_size(seen, views)
            for number, (name, value) in enumerate(seen.items()):
                files[name] = "logits.npy" if name == "logits" else f"tap-{number}.npy"
                kind = "float32" if name == "logits" else "float16"
                arrays[name] = _array(folder / files[name], kind, views, value.shape[1:])
        for name, value in seen.items():
            arrays[name][view, samples.numpy()] = _finite(name, value, arrays[name].dtype)
    _finish(folder, files, list(arrays.values()))


def save_answers(folder: Path, logits: npt.NDArray[np.float32]) -> None:
    """Keep logits ``[views or 1, N, classes]``; a row of NaN: the teacher said nothing."""
    np.save(folder / "logits.npy", logits, allow_pickle=False)
    write_json(folder / _INDEX, {"logits": "logits.npy"})


def load_answers(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """Memory-mapped answers by name, ``logits`` and taps, each ``[views or 1, N, ...]``.

    Raises:
        RunFailed: the files are damaged.
    """
    try:
        return {
            name: np.load(folder / str(file), mmap_mode="r", allow_pickle=False)
            for name, file in read_json(folder / _INDEX).items()
        }
    except (OSError, ValueError) as error:
        raise RunFailed("the teacher's answers are damaged", where=str(folder)) from error


def answered(logits: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Indices of the samples that the teacher said something about."""
    return np.flatnonzero(np.isfinite(logits[0].reshape(logits.shape[1], -1)).all(axis=1))


def combine_logits(members: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    """The weighted mean of log-probabilities, which is that of the logits up to a constant.

    So the members' probabilities are averaged geometrically, and a member that gives
    log-probabilities counts as one that gives logits.

    Args:
        members: float ``[..., classes]`` each.
        weights: one for each; they are scaled to sum to 1.
    """
    total = sum(weights)
    parts = [
        logits.log_softmax(-1) * (weight / total)
        for logits, weight in zip(members, weights, strict=True)
    ]
    return torch.stack(parts).sum(0)


class LiveTeacher:
    """Teachers that are asked at every training step.

    Args:
        members: modules from inputs to logits, in eval mode.
        weights: one for each.
        look: for one member, gives features too; null: logits alone.
    """

    def __init__(
        self, members: Sequence[nn.Module], weights: Sequence[float], look: Look | None = None
    ) -> None:
        self._members = [member.eval() for member in members]
        self._weights = list(weights)
        self._look = look

    def __call__(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Answers about a batch, by name; no gradient flows into them."""
        with torch.no_grad():
            if self._look is not None:
                return self._look(inputs)
            answers = [member.to(inputs.device)(inputs) for member in self._members]
            if len(answers) == 1:
                return {"logits": answers[0]}
            return {"logits": combine_logits(answers, self._weights)}


def _parts(views: Views, progress: Progress) -> Any:
    for view in range(views.views):
        for part in torch.split(torch.arange(views.samples), _BATCH):
            yield view, part
        progress(view + 1, views.views)


def _array(path: Path, kind: str, views: Views, shape: Sequence[int]) -> npt.NDArray[Any]:
    whole = (views.views, views.samples, *shape)
    array = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        path, mode="w+", dtype=np.dtype(kind), shape=whole
    )
    return cast(npt.NDArray[Any], array)


def _check_size(seen: dict[str, torch.Tensor], views: Views) -> None:
    taps = sum(value[0].numel() for name, value in seen.items() if name != "logits")
    size = 2 * taps * views.views * views.samples
    if size > MAX_TAP_BYTES:
        raise RunFailed(
            f"the teacher's features of all views would take {size / 1024**3:.1f} GiB",
            where="distill.signals",
            mend="set distill.cache: false, or tap smaller features, or use fewer views",
        )


def _finite(name: str, value: torch.Tensor, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    array = value.detach().float().cpu().numpy().astype(kind)
    if not np.isfinite(array).all():
        raise RunFailed(
            f"{name!r} of the teacher holds NaN, infinity or values beyond float16",
            where="distill.signals",
        )
    return array


def _finish(folder: Path, files: dict[str, str], arrays: list[Any]) -> None:
    for array in arrays:
        array.flush()
    write_json(folder / _INDEX, files)
