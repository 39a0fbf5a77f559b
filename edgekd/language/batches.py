"""What a language model is shown at a training step.

Every batch is a function of the seed and the step alone, so that a training that was stopped goes
on to the same result, and every process of a distributed training knows its own part.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from edgekd.errors import BadInput
from edgekd.language.answers import Answers, KeptLogits
from edgekd.language.generation import Sampling, generate
from edgekd.language.texts import TokenizedTexts
from edgekd.language.tokens import Windows, rows_of_step


class LanguageBatch(NamedTuple):
    """One batch of one process.

    Attributes:
        inputs: int64 ``[B, T]``.
        targets: int64 ``[B, T]``, the tokens that follow.
        weights: float32 ``[B, T]``, share of each token in the mean over the batches of all
            processes, times the number of processes; 0 for tokens that do not count.
        labelled: whether the targets are to be learnt; not so where the student wrote them.
        answers: what the teacher said; null: it is asked now, or not at all.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    labelled: bool
    answers: KeptLogits | None


class Process(NamedTuple):
    """One of the processes that train together."""

    number: int = 0
    processes: int = 1

    def part(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The rows of this process.

        Raises:
            BadInput: they cannot be split evenly.
        """
        if len(rows) % self.processes:
            raise BadInput(
                f"a batch of {len(rows)} cannot be split over {self.processes} processes",
                where="batch_size",
            )
        return rows[self.number :: self.processes]


class LanguageBatches(Protocol):
    """A source of batches."""

    def read(self, step: int, process: Process) -> LanguageBatch:
        """The batch of a step, from 0, on the CPU."""
        ...


class WindowBatches:
    """Windows of a corpus, with the teacher's kept answers where there are some.

    Args:
        windows: of the training text.
        batch_size: windows of all processes together.
        seed: of the order.
        answers: about just these windows; null: none.

    Raises:
        BadInput: the answers are about other text or other windows.
    """

    def __init__(
        self, windows: Windows, batch_size: int, seed: int, answers: Answers | None = None
    ) -> None:
        if answers is not None:
            plan = answers.plan
            given = (plan.corpus, plan.windows, plan.context)
            if given != (windows.tokens.identity, windows.count, windows.context):
                raise BadInput("the teacher's answers are about other text", where="answers")
        self.windows = windows
        self.batch_size = batch_size
        self.seed = seed
        self._answers = answers

    def read(self, step: int, process: Process) -> LanguageBatch:
        """See :class:`LanguageBatches`."""
        rows = process.part(rows_of_step(self.windows.count, self.batch_size, step, self.seed))
        tokens = torch.from_numpy(self.windows.read(rows))
        answers = self._answers.read(rows) if self._answers else None
        return _whole(tokens, 0, labelled=True)._replace(answers=answers)


class TextBatches:
    """Texts that a teacher wrote; only the tokens of the completions count.

    Args:
        texts: as tokens.
        batch_size: texts of all processes together.
        seed: of the order.
    """

    def __init__(self, texts: TokenizedTexts, batch_size: int, seed: int) -> None:
        self._texts = texts
        self._batch_size = batch_size
        self._seed = seed

    def read(self, step: int, process: Process) -> LanguageBatch:
        """See :class:`LanguageBatches`."""
        texts = self._texts
        rows = rows_of_step(len(texts.completions), self._batch_size, step, self._seed)
        lengths = texts.starts[rows + 1] - texts.starts[rows]
        counted = int((lengths - texts.completions[rows]).sum())
        own = process.part(rows)
        # As long as the longest of all processes, so that all do the same work.
        tokens = np.zeros((len(own), lengths.max()), dtype=np.int64)
        weights = np.zeros((len(own), lengths.max() - 1), dtype=np.float32)
        for place, row in enumerate(own):
            text = texts.tokens[texts.starts[row] : texts.starts[row + 1]]
            tokens[place, : len(text)] = text
            # Target t is token t + 1.
            weights[place, texts.completions[row] - 1 : len(text) - 1] = process.processes / counted
        whole = torch.from_numpy(tokens)
        return LanguageBatch(whole[:, :-1], whole[:, 1:], torch.from_numpy(weights), True, None)


class OnPolicyBatches:
    """Windows of a corpus, some of them continued by the student itself (GKD, Agarwal et al. 2024).

    Args:
        windows: as without.
        student: as it is at the time; sampled at temperature 1.
        share: of the steps at which the student writes.
        prompt: how many tokens of a window it is given.

    Raises:
        BadInput: a prompt that is empty or leaves nothing to write.
    """

    def __init__(
        self, windows: WindowBatches, student: nn.Module, share: float, prompt: int
    ) -> None:
        if not 1 <= prompt < windows.windows.context:
            raise BadInput(
                f"a prompt of {prompt} in windows of {windows.windows.context} tokens",
                where="on_policy.prompt",
            )
        self._windows = windows
        self._student = student
        self._share = share
        self._prompt = prompt

    def read(self, step: int, process: Process) -> LanguageBatch:
        """See :class:`LanguageBatches`."""
        batch = self._windows.read(step, process)
        draw = np.random.default_rng([self._windows.seed, step])
        if draw.random() >= self._share:
            return batch
        device = next(self._student.parameters()).device
        seeds = draw.integers(2**62, size=process.processes)
        generator = torch.Generator(device).manual_seed(int(seeds[process.number]))
        length = self._windows.windows.context + 1 - self._prompt
        prompts = batch.inputs[:, : self._prompt].to(device)
        tokens = generate(self._student, prompts, length, Sampling(), generator).cpu()
        return _whole(tokens, self._prompt - 1, labelled=False)


def _whole(tokens: torch.Tensor, first: int, *, labelled: bool) -> LanguageBatch:
    """Rows ``[B, T + 1]`` of which the targets from ``first`` on count alike."""
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    weights = torch.zeros(targets.shape)
    weights[:, first:] = 1 / weights[:, first:].numel()
    return LanguageBatch(inputs, targets, weights, labelled, None)
