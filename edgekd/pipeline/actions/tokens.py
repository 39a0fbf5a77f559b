"""Texts to token numbers: by the student's tokenizer, and by the teacher's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgekd.data.dataset import Dataset, TeacherTokens, load_dataset
from edgekd.data.samples import Samples
from edgekd.data.text_views import view_texts
from edgekd.data.tokenizer import (
    encode_texts,
    load_tokenizer,
    save_tokenizer,
    teacher_tokenizer,
    train_tokenizer,
    trim_tokenizer,
)
from edgekd.errors import BadInput
from edgekd.files import read_json, write_json
from edgekd.pipeline.actions.data_files import (
    TEACHER_PADDING_FILE,
    TEACHER_TOKENIZER_FILE,
    TEACHER_VIEWS_FILE,
    TEXTS_FILE,
    TOKENIZER_FILE,
    VIEWS_FILE,
    VIEWS_SEED,
)
from edgekd.pipeline.stage import StageContext
from edgekd.recipe import Augmentation, Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_WORD = re.compile(r"\S+")
# What a stage calls the tokenizer that the student's is taken from, and the teacher's.
ORIGIN = "tokenizer"
TEACHER = "teacher"

Tokens = npt.NDArray[np.int32]


def with_tokens(context: StageContext, samples: Samples, dataset: Dataset, spec: Text) -> Dataset:
    """Token numbers in place of texts; texts and tokenizers are kept beside the dataset.

    Raises:
        BadInput: the source holds no texts.
    """
    if samples.texts is None:
        raise BadInput("goes with texts", where="data.text", mend="use a source that holds texts")
    training = [samples.texts[number] for number in dataset.parts["train"]]
    tokenizer = _students_tokenizer(context, training, spec)
    save_tokenizer(tokenizer, context.out / TOKENIZER_FILE)
    write_json(context.out / TEXTS_FILE, list(samples.texts))
    outside = samples.outside
    tokens = replace(
        dataset,
        inputs=encode_texts(tokenizer, samples.texts, spec.length),
        outside=encode_texts(tokenizer, outside, spec.length) if outside else None,
    )
    if TEACHER not in context.locations:
        return tokens
    own, padding = teacher_tokenizer(_folder(context, TEACHER))
    save_tokenizer(own, context.out / TEACHER_TOKENIZER_FILE)
    write_json(context.out / TEACHER_PADDING_FILE, padding)
    inputs = encode_texts(own, samples.texts, spec.length, padding)
    unknown = encode_texts(own, outside, spec.length, padding) if outside else None
    return replace(tokens, teacher=TeacherTokens(inputs, unknown))


def render_text_views(context: StageContext) -> None:
    """Token numbers of changed texts, int32 ``[views, N, T]``, for all who will look at them.

    What the student trains on is cut by both tokenizers: the teacher is asked about it. What the
    teacher trains on is cut by its own.
    """
    data = context.folder("data")
    dataset = load_dataset(data)
    texts = read_json(data / TEXTS_FILE)
    augmentation = Augmentation.model_validate(context.parameters["augmentation"])
    assert augmentation.text is not None
    training = [str(texts[number]) for number in dataset.parts["train"]]
    seed = VIEWS_SEED[context.parameters["role"]]
    views = view_texts(training, augmentation.text, augmentation.views, seed)
    length = Text.model_validate(context.parameters["text"]).length
    has_own = dataset.teacher is not None
    if not (has_own and context.parameters["role"] == "teacher"):
        tokenizer = load_tokenizer(data / TOKENIZER_FILE)
        _render(context, tokenizer, views, length, 0, VIEWS_FILE)
    if has_own:
        tokenizer = load_tokenizer(data / TEACHER_TOKENIZER_FILE)
        padding = int(read_json(data / TEACHER_PADDING_FILE))
        _render(context, tokenizer, views, length, padding, TEACHER_VIEWS_FILE)


def stored_tokens(
    context: StageContext, dataset: Dataset, *, role: str, by_teacher: bool
) -> npt.NDArray[Any]:
    """Token numbers ``[views, N, T]`` of the training part.

    Args:
        role: whose training they are for, ``student`` or ``teacher``.
        by_teacher: cut by the teacher's own tokenizer, where it has one.
    """
    by_teacher = by_teacher and dataset.teacher is not None
    if not context.parameters.get("stored_views"):
        seen = dataset.as_teacher_sees() if by_teacher else dataset
        return seen.part_inputs("train")[None]
    file = TEACHER_VIEWS_FILE if by_teacher else VIEWS_FILE
    path = context.folder(f"views/{role}") / file
    tokens: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return tokens


def beginning(text: str, words: int) -> str:
    """The first so many words of a text, as they stand: no more can be among as many tokens."""
    ends = (match.end() for match in _WORD.finditer(text))
    return text[: next(islice(ends, words - 1, None), len(text))]


def _students_tokenizer(context: StageContext, texts: Sequence[str], spec: Text) -> Tokenizer:
    if ORIGIN not in context.locations:
        return train_tokenizer(texts, spec)
    path = Path(context.locations[ORIGIN])
    if path.is_file():
        origin = load_tokenizer(path)
    else:
        origin, _ = teacher_tokenizer(_folder(context, ORIGIN))
    return trim_tokenizer(origin, texts, spec)[0]


def _folder(context: StageContext, name: str) -> Path:
    from edgekd.teachers.hugging_face import model_folder

    return model_folder(context.locations[name], context.parameters.get("revision"))


def _render(
    context: StageContext,
    tokenizer: Tokenizer,
    views: Sequence[Sequence[str]],
    length: int,
    padding: int,
    file: str,
) -> None:
    shape = (len(views), len(views[0]), length)
    tokens = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        context.out / file, mode="w+", dtype=np.dtype(np.int32), shape=shape
    )
    for number, texts in enumerate(views):
        beginnings = [beginning(text, length) for text in texts]
        tokens[number] = encode_texts(tokenizer, beginnings, length, padding)
        context.progress(number + 1, len(views))
    tokens.flush()
