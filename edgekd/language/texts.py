"""Texts that a teacher wrote: JSON lines ``{"prompt": ..., "completion": ...}``.

So a teacher that is only an API can teach: a student learns the tokens of its completions
(sequence-level distillation, Kim and Rush 2016). A teacher on this machine writes the same file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from edgekd.errors import BadInput
from edgekd.files import write_text
from edgekd.language.generation import Sampling, generate

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from edgekd.language.teacher import LanguageTeacher

Progress = Callable[[int, int], None]

TEXTS = "texts.jsonl"
_MAX_LINE_BYTES = 2**20
_PROMPTS_PER_PART = 16


class Text(NamedTuple):
    """One text of a teacher."""

    prompt: str
    completion: str


class TokenizedTexts(NamedTuple):
    """Texts as tokens, one after the other.

    Attributes:
        tokens: int32 ``[all]``.
        starts: int64 ``[texts + 1]``, where each begins.
        completions: int64 ``[texts]``, where in it the completion begins.
    """

    tokens: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    completions: npt.NDArray[np.int64]


def read_texts(path: Path) -> Iterator[Text]:
    """Texts of a file, one at a time; other fields of a line are not looked at.

    Raises:
        BadInput: a line is no such text or longer than 1 MiB; its number is told.
    """
    try:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(_MAX_LINE_BYTES + 1):
                number += 1
                if line.strip():
                    yield _text(line, f"{path}:{number}")
    except OSError as error:
        raise BadInput("cannot be read", where=str(path), mend=str(error.strerror)) from error


def tokenize_texts(
    path: Path, tokenizer: Tokenizer, end_token: int | None, context: int
) -> TokenizedTexts:
    """Tokens of all texts of a file.

    Args:
        path: JSON lines.
        tokenizer: of the student.
        end_token: follows each completion; null: none.
        context: longer texts are cut to this many tokens and one more, the last target.

    Raises:
        BadInput: a line is wrong, a prompt has no token, or no completion is left after cutting.
    """
    rows: list[npt.NDArray[np.int32]] = []
    completions = []
    for number, text in enumerate(read_texts(path), start=1):
        prompt = tokenizer.encode(text.prompt, add_special_tokens=False).ids
        completion = tokenizer.encode(text.completion, add_special_tokens=False).ids
        ends = [] if end_token is None else [end_token]
        if not prompt:
            raise BadInput(f"the prompt of text {number} has no token", where=str(path))
        if len(prompt) > context or not completion + ends:
            continue
        rows.append(np.array([*prompt, *completion, *ends][: context + 1], dtype=np.int32))
        completions.append(len(prompt))
    if not rows:
        raise BadInput(
            f"no text has a completion within {context} tokens",
            where=str(path),
            mend="give shorter prompts, or a longer context",
        )
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return TokenizedTexts(np.concatenate(rows), starts, np.array(completions, dtype=np.int64))


def write_texts(
    teacher: LanguageTeacher,
    prompts: Sequence[str],
    folder: Path,
    progress: Progress,
    *,
    length: int,
    sampling: Sampling,
    seed: int,
) -> Path:
    """Let a teacher of this machine continue prompts; gives the file of texts.

    Parts are kept as they are done: killed and called again, it goes on after the last one. Each
    text is a function of the seed and the number of its prompt.

    Args:
        teacher: its model is asked where its weights are.
        prompts: none of them empty.
        folder: for the parts and ``texts.jsonl``; of these arguments alone.
        progress: called with (done, total) prompts.
        length: tokens to write at most.
        sampling: how.
        seed: of the sampling.

    Raises:
        BadInput: an empty prompt.
        RunFailed: the folder cannot be written.
    """
    parts = []
    for first in range(0, len(prompts), _PROMPTS_PER_PART):
        part = folder / f"part-{first:07d}.jsonl"
        parts.append(part)
        chosen = range(first, min(first + _PROMPTS_PER_PART, len(prompts)))
        if not part.is_file():
            lines = [
                _line(teacher, prompts[number], length, sampling, seed, number) for number in chosen
            ]
            write_text(part, "".join(lines))
        progress(chosen.stop, len(prompts))
    whole = folder / TEXTS
    write_text(whole, "".join(part.read_text(encoding="utf-8") for part in parts))
    return whole


def _line(
    teacher: LanguageTeacher, prompt: str, length: int, sampling: Sampling, seed: int, number: int
) -> str:
    ids = teacher.tokenizer.encode(prompt, add_special_tokens=False).ids
    device = next(teacher.model.parameters()).device
    # Seeds far apart: neighbours would give generators that agree in some first draws.
    mixed = int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 1)
    generator = torch.Generator(device).manual_seed(mixed)
    tokens = generate(
        teacher.model,
        torch.tensor([ids], dtype=torch.long, device=device),
        length,
        sampling,
        generator,
        teacher.end_tokens,
    )
    written = tokens[0, len(ids) :].tolist()
    ends = [place for place, token in enumerate(written) if token in teacher.end_tokens]
    completion = teacher.tokenizer.decode(written[: ends[0]] if ends else written)
    return json.dumps({"prompt": prompt, "completion": completion}, ensure_ascii=False) + "\n"


def _text(line: bytes, where: str) -> Text:
    if len(line) > _MAX_LINE_BYTES:
        raise BadInput(f"is longer than {_MAX_LINE_BYTES} bytes", where=where)
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput("is not JSON", where=where, mend=str(error)) from error
    fields = ("prompt", "completion")
    if not isinstance(content, dict) or not all(isinstance(content.get(f), str) for f in fields):
        raise BadInput("has no text under prompt and completion", where=where)
    return Text(content["prompt"], content["completion"])
