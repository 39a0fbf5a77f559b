"""What a teacher says at every token of a corpus: its largest logits, kept on disk.

A row for each token that a window reads: the ``k`` largest logits over the temperature, less the
largest of them (float16), whose they are (uint16 or uint32), and the log-sum-exp of all logits,
less the same (float32), so that the mass of those left out is known. Where samples are asked for,
so many of the tokens left out, drawn by their probability among these: their numbers and logits
likewise. What is kept alone would be a biased teacher (Anshumann et al. 2025, "Sparse Logit
Sampling", https://arxiv.org/abs/2503.16870).

Rows lie in shards of whole windows, ``shard-00000.npy`` and so on. Worker ``i`` of ``n`` writes
shards ``i``, ``i + n`` and so on, and a note beside each with its hash and the identity of the plan
(teacher, corpus, sizes). A shard without its note, or with one of another plan, is written anew: so
workers may be killed and started again. A worker is one process, or several that hold the parts of
a sharded teacher and ask it equally often; the bytes are the same. ``answers.json`` lists all
shards, once all are there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import nn

from edgekd.errors import BadInput, RunFailed
from edgekd.files import digest, sha256_of, write_json
from edgekd.language.array_files import map_array, write_array
from edgekd.language.record_file import read_record
from edgekd.language.sharding import Team, is_sharded
from edgekd.language.tokens import Windows
from edgekd.records.base import Record

Progress = Callable[[int, int], None]

MANIFEST = "answers.json"
# How many tokens a teacher is asked about at once, or one window where that is longer: all of their
# logits are held.
TOKENS_AT_ONCE = 1024


class KeptLogits(NamedTuple):
    """What a cache knows of some tokens, at its temperature, less the largest logit of each.

    Attributes:
        values: float32 ``[..., k]``, the largest logits.
        indices: int64 ``[..., k]``, whose they are.
        log_sum: float32 ``[...]``, log-sum-exp of all logits.
        sampled: int64 ``[..., samples]``, tokens drawn from all others; null: none.
        sampled_values: float32 ``[..., samples]``, their logits.
    """

    values: torch.Tensor
    indices: torch.Tensor
    log_sum: torch.Tensor
    sampled: torch.Tensor | None = None
    sampled_values: torch.Tensor | None = None


class AnswerPlan(Record):
    """All that the content of a cache follows from.

    Attributes:
        teacher: content hash of the teacher.
        corpus: identity of the tokens.
        vocabulary: number of the teacher's logits.
        windows: how many.
        context: tokens of a window.
        k: logits kept of each token.
        samples: of the other tokens.
        temperature: the logits are divided by it.
        windows_per_shard: windows of a shard; the last one may have fewer.
    """

    teacher: str
    corpus: str
    vocabulary: int = Field(ge=2, le=2**22)
    windows: int = Field(ge=1)
    context: int = Field(ge=1, le=2**24)
    k: int = Field(ge=1, le=2**16)
    samples: int = Field(default=0, ge=0, le=2**16)
    temperature: float = Field(gt=0)
    windows_per_shard: int = Field(default=128, ge=1)

    @property
    def identity(self) -> str:
        """Hex sha256 of the plan."""
        return digest(self.model_dump())

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.windows // self.windows_per_shard)

    @property
    def row(self) -> np.dtype[Any]:
        """What is kept of one token."""
        number = np.uint16 if self.vocabulary <= 2**16 else np.uint32
        kept = min(self.k, self.vocabulary)
        fields: list[Any] = [("values", "<f2", (kept,)), ("indices", number, (kept,))]
        if self.samples:
            fields += [("sampled_values", "<f2", (self.samples,))]
            fields += [("sampled", number, (self.samples,))]
        return np.dtype([*fields, ("log_sum", "<f4")])

    def windows_of(self, shard: int) -> range:
        """Numbers of a shard's windows."""
        start = shard * self.windows_per_shard
        return range(start, min(start + self.windows_per_shard, self.windows))

    def cache_bytes(self) -> int:
        """Size of the cache, without the headers of its files."""
        return self.windows * self.context * self.row.itemsize

    def full_bytes(self) -> int:
        """Size of all logits in float16."""
        return self.windows * self.context * self.vocabulary * 2


class _Note(Record):
    plan: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Manifest(Record):
    plan: AnswerPlan
    sha256: list[str]


def record_answers(
    teacher: nn.Module,
    windows: Windows,
    plan: AnswerPlan,
    folder: Path,
    progress: Progress,
    *,
    worker: int = 0,
    workers: int = 1,
    batch_size: int | None = None,
    team: Team = Team(),  # noqa: B008 - a constant
) -> None:
    """Ask the teacher about this worker's windows, but for shards that are there already.

    Args:
        teacher: int ``[B, T]`` to logits ``[B, T, V]``, in eval mode; asked where its weights are.
        windows: of the corpus that the plan names.
        plan: sizes.
        folder: of all workers together.
        progress: called with (done, total) windows of this worker.
        worker: number of this worker, from 0.
        workers: how many there are.
        batch_size: windows that the teacher is asked about at once; null: :data:`TOKENS_AT_ONCE`.
        team: the processes that are this worker together, each with shards of its own at a time;
            all of them call this, and write into the first one's folder.

    Raises:
        RunFailed: the folder cannot be written, or the teacher gave NaN or infinity.
    """
    if is_sharded(teacher) and team.processes == 1:
        raise RunFailed("a sharded teacher is asked by all of its processes", where="teacher")
    folder = team.agree(folder)
    batch_size = batch_size or windows_at_once(plan.context)
    folder.mkdir(parents=True, exist_ok=True)
    own = range(worker, plan.shards, workers)
    left = team.agree([shard for shard in own if not _is_written(folder, shard, plan)])
    total = sum(len(plan.windows_of(shard)) for shard in own)
    done = total - sum(len(plan.windows_of(shard)) for shard in left)
    progress(done, total)
    for first in range(0, len(left), team.processes):
        sizes = [len(plan.windows_of(shard)) for shard in left[first : first + team.processes]]
        # One without a shard of its own asks all the same: it holds a part of the teacher.
        place = min(team.number, len(sizes) - 1)
        numbers = np.array(plan.windows_of(left[first + place]), dtype=np.int64)
        rows = np.empty((len(numbers), plan.context), dtype=plan.row)
        for start in range(0, max(sizes), batch_size):
            # Who has fewer windows asks about the last ones again.
            again = min(start, (len(numbers) - 1) // batch_size * batch_size)
            part = slice(again, again + batch_size)
            rows[part] = _ask(teacher, windows, numbers[part], plan)
            progress(done + sum(min(start + batch_size, size) for size in sizes), total)
        if place == team.number:
            _write_shard(folder, left[first + place], rows, plan)
        done += sum(sizes)
    team.wait()


def windows_at_once(context: int) -> int:
    """How many windows a teacher is asked about at once."""
    return max(1, TOKENS_AT_ONCE // context)


def finish_answers(plan: AnswerPlan, folder: Path) -> None:
    """Write the list of all shards.

    Raises:
        RunFailed: some are not there yet; the first is named.
    """
    missing = [shard for shard in range(plan.shards) if not _is_written(folder, shard, plan)]
    if missing:
        raise RunFailed(
            f"{len(missing)} of {plan.shards} shards are missing, the first is {missing[0]}",
            where=str(folder),
            mend="start the worker that writes it again",
        )
    notes = [read_record(_note_path(folder, shard), _Note) for shard in range(plan.shards)]
    hashes = [note.sha256 for note in notes]
    write_json(folder / MANIFEST, {"plan": plan.model_dump(), "sha256": hashes})


class Answers:
    """A whole cache, read through memory maps.

    Args:
        folder: where it lies.

    Attributes:
        plan: what it was made from.

    Raises:
        BadInput: missing or damaged; every file is read once and compared with its hash.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / MANIFEST
        manifest = read_record(path, _Manifest)
        self.plan = manifest.plan
        if len(manifest.sha256) != self.plan.shards:
            raise BadInput(f"lists {len(manifest.sha256)} shards", where=str(path))
        self._shards = []
        for shard, sha256 in enumerate(manifest.sha256):
            file = _path(folder, shard)
            shape = (len(self.plan.windows_of(shard)), self.plan.context)
            self._shards.append(map_array(file, self.plan.row, shape))
            if sha256_of(file) != sha256:
                raise BadInput("was changed or damaged", where=str(file), mend="ask anew")

    def read(self, numbers: npt.NDArray[np.int64]) -> KeptLogits:
        """Answers about windows: ``[windows, context, ...]``."""
        size = self.plan.windows_per_shard
        rows = np.stack([self._shards[n // size][n % size] for n in numbers.tolist()])
        kinds = {"indices": np.int64, "sampled": np.int64}
        return KeptLogits(
            **{
                name: torch.from_numpy(rows[name].astype(kinds.get(name, np.float32)))
                for name in self.plan.row.names or ()
            }
        )

    def kept_mass(self) -> float:
        """Mean probability of the tokens that are kept, at the temperature of the cache."""
        total, count = 0.0, 0
        for shard in self._shards:
            values = shard["values"].astype(np.float64)
            kept = np.exp(values - shard["log_sum"][..., None]).sum(-1)
            total, count = total + float(kept.sum()), count + kept.size
        return total / count


def _ask(
    teacher: nn.Module, windows: Windows, numbers: npt.NDArray[np.int64], plan: AnswerPlan
) -> npt.NDArray[Any]:
    tokens = windows.read(numbers)[:, :-1]
    device = next(teacher.parameters()).device
    # Not inference_mode: what is gathered of a sharded teacher is written to again later.
    with torch.no_grad():
        logits = teacher(torch.from_numpy(tokens).to(device)).float() / plan.temperature
        values, indices = logits.topk(min(plan.k, plan.vocabulary), dim=-1)
        log_sum = logits.logsumexp(-1) - values[..., 0]
    if not torch.isfinite(log_sum).all():
        raise RunFailed("the teacher's logits hold NaN or infinity", where="teacher")
    rows = np.empty(tokens.shape, dtype=plan.row)
    if plan.samples:
        sampled = _sampled(logits, indices, numbers, plan)
        rows["sampled"] = sampled.cpu().numpy()
        rows["sampled_values"] = _halves(logits.gather(-1, sampled), values)
    rows["values"] = _halves(values, values)
    rows["indices"] = indices.cpu().numpy()
    rows["log_sum"] = log_sum.cpu().numpy()
    return rows


def _halves(logits: torch.Tensor, values: torch.Tensor) -> npt.NDArray[np.float16]:
    """Logits less the largest, which are finite in float16."""
    halves: npt.NDArray[np.float16] = (
        (logits - values[..., :1]).clamp(min=-6e4).half().cpu().numpy()
    )
    return halves


def _sampled(
    logits: torch.Tensor,
    indices: torch.Tensor,
    numbers: npt.NDArray[np.int64],
    plan: AnswerPlan,
) -> torch.Tensor:
    """Tokens behind the largest, drawn by their probability; of each window always the same.

    Systematic sampling: one draw for each position places a comb of ``samples`` teeth over the
    cumulated probabilities. Its mean is right as that of independent draws, and varies less.

    Args:
        logits: float ``[windows, context, vocabulary]``.
        indices: of the largest.
        numbers: of the windows.
        plan: tells how many are drawn.

    Returns:
        int64 ``[windows, context, samples]``.
    """
    tail = logits.softmax(-1).scatter_(-1, indices, 0.0)
    # The sum over a large vocabulary in float32 would lose the rarest tokens.
    tail = tail.cumsum(-1, dtype=torch.float64)
    draws = [np.random.default_rng(int(number)).random(plan.context) for number in numbers]
    offsets = torch.from_numpy(np.stack(draws)).to(tail.device).unsqueeze(-1)
    teeth = torch.arange(plan.samples, device=tail.device, dtype=tail.dtype)
    marks = (teeth + offsets) / plan.samples * tail[..., -1:]
    # Where nothing is left the last token stands for it, with no weight.
    return torch.searchsorted(tail, marks, right=True).clamp(max=plan.vocabulary - 1)


def _write_shard(folder: Path, shard: int, rows: npt.NDArray[Any], plan: AnswerPlan) -> None:
    sha256 = write_array(_path(folder, shard), rows)
    write_json(_note_path(folder, shard), {"plan": plan.identity, "sha256": sha256})


def _path(folder: Path, shard: int) -> Path:
    return folder / f"shard-{shard:05d}.npy"


def _note_path(folder: Path, shard: int) -> Path:
    return folder / f"shard-{shard:05d}.json"


def _is_written(folder: Path, shard: int, plan: AnswerPlan) -> bool:
    path = _note_path(folder, shard)
    if not path.is_file() or not _path(folder, shard).is_file():
        return False
    try:
        return read_record(path, _Note).plan == plan.identity
    except BadInput:
        return False
