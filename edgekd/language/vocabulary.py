"""Two vocabularies brought together: a declared step, and checked.

``same``      the tokenizers are equal, token by token (:func:`require_same`).
``trimmed``   the student has those of the teacher's tokens that its training text uses
              (:mod:`edgekd.language.trimming`); the teacher gives up the other rows and then
              shares the student's tokenizer (:func:`slice_vocabulary`).
``mapped``    the student has a tokenizer of its own. The teacher reads the student's tokens under
              its own numbers of the same texts, and gives up the other rows
              (:func:`map_by_text`, :func:`slice_vocabulary`). Every token that the training text
              uses must have a number there.

A sequence of tokens is the same for teacher and student after this step, so that their losses are
compared on the same tokens of the same text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from edgekd.errors import BadInput
from edgekd.language.network import CausalLanguageModel
from edgekd.language.tensor_files import read_tensors, tensor_shapes, write_tensors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Ids = npt.NDArray[np.int32]

UNMAPPED = -1
_TOKEN_MAP = "token_map"
_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


def require_same(teacher: Tokenizer, student: Tokenizer) -> None:
    """Make sure that two tokenizers give the same number to every token, and merge alike.

    Raises:
        BadInput: they differ; sizes and first differing tokens are named.
    """
    theirs, own = teacher.get_vocab(), student.get_vocab()
    if theirs == own:
        probe = _probe_text(own)
        if teacher.encode(probe, add_special_tokens=False).ids == (
            student.encode(probe, add_special_tokens=False).ids
        ):
            return
        raise BadInput("the tokenizers have the same tokens, but split text differently")
    names = {number: token for token, number in theirs.items()}
    own_names = {number: token for token, number in own.items()}
    numbers = sorted(
        number for number in {*names, *own_names} if names.get(number) != own_names.get(number)
    )
    first = ", ".join(
        f"{number}: {names.get(number)!r:.40} and {own_names.get(number)!r:.40}"
        for number in numbers[:3]
    )
    raise BadInput(
        f"the tokenizers of teacher ({len(theirs)} tokens) and student ({len(own)}) differ in"
        f" {len(numbers)} tokens: {first}",
        mend="trim the teacher's vocabulary, or map it",
    )


def token_bytes(tokenizer: Tokenizer) -> list[bytes | None]:
    """The bytes of text that each token stands for; null for special tokens and gaps."""
    vocabulary = tokenizer.get_vocab()
    special = {entry.content for entry in tokenizer.get_added_tokens_decoder().values()}
    alphabet = byte_alphabet(tokenizer)
    texts: list[bytes | None] = [None] * (max(vocabulary.values()) + 1)
    for token, number in vocabulary.items():
        if token not in special:
            texts[number] = _bytes_of(token, alphabet)
    return texts


def byte_alphabet(tokenizer: Tokenizer) -> dict[str, int]:
    """Character to byte, for byte-level tokenizers; empty for others."""
    if "ByteLevel" not in str(tokenizer.pre_tokenizer):
        return {}
    # The table of GPT-2: bytes that print stand for themselves, others follow from 256 on.
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    table = {chr(byte): byte for byte in printing}
    return table | {chr(256 + place): byte for place, byte in enumerate(others)}


def map_by_text(student: Tokenizer, teacher: Tokenizer) -> Ids:
    """The teacher's number of each of the student's tokens, by the bytes that it stands for.

    Special tokens are mapped by their names.

    Returns:
        int32 ``[student tokens]``, ``UNMAPPED`` where the teacher has no such token.
    """
    theirs = {text: number for number, text in enumerate(token_bytes(teacher)) if text is not None}
    names = teacher.get_vocab()
    own_names = {number: token for token, number in student.get_vocab().items()}
    ids = np.full(max(own_names) + 1, UNMAPPED, dtype=np.int32)
    for number, text in enumerate(token_bytes(student)):
        if text is not None:
            ids[number] = theirs.get(text, UNMAPPED)
        elif number in own_names:
            ids[number] = names.get(own_names[number], UNMAPPED)
    return ids


def require_mapped(ids: Ids, counts: npt.NDArray[np.int64], student: Tokenizer) -> float:
    """Make sure that the teacher can read every token that a text uses.

    Args:
        ids: of :func:`map_by_text`, or from a file.
        counts: int64 ``[student tokens]``, how often the training text has each.
        student: its tokenizer, for names.

    Returns:
        Share of the student's vocabulary that is mapped.

    Raises:
        BadInput: a used token has no number; the share of the text that is covered is told.
    """
    lacking = np.flatnonzero((ids == UNMAPPED) & (counts > 0))
    if len(lacking):
        lacking = lacking[np.argsort(-counts[lacking], kind="stable")]
        covered = 1 - counts[lacking].sum() / counts.sum()
        tokens = ", ".join(repr(student.id_to_token(int(number)))[:40] for number in lacking[:3])
        raise BadInput(
            f"the teacher lacks {len(lacking)} tokens that the training text uses,"
            f" such as {tokens}; {covered:.2%} of the text is covered",
            mend="trim the teacher's vocabulary instead, or give a whole mapping",
        )
    return float(np.mean(ids != UNMAPPED))


def slice_vocabulary(model: CausalLanguageModel, ids: Ids) -> CausalLanguageModel:
    """A model with some rows of the embedding and the output layer alone; the rest is shared.

    Args:
        model: with the whole vocabulary.
        ids: int32 ``[V]``, which rows, in the new order.

    Raises:
        BadInput: a number is not in the model's vocabulary.
    """
    if len(ids) == 0 or ids.min() < 0 or ids.max() >= model.architecture.vocabulary:
        raise BadInput(
            f"names tokens outside of the {model.architecture.vocabulary} of the model",
            where="vocabulary",
        )
    rows = torch.from_numpy(ids.astype(np.int64))
    state: dict[str, Any] = dict(model.state_dict())
    for name in ("embedding.weight", "output.weight"):
        state[name] = state[name][rows].clone()
    with torch.device("meta"):
        sliced = CausalLanguageModel(model.architecture.model_copy(update={"vocabulary": len(ids)}))
    sliced.load_state_dict(state, assign=True)
    sliced.tie()
    return sliced.requires_grad_(True).eval()


def write_token_map(ids: Ids, path: Path) -> None:
    """Write which token of the original tokenizer each token is: int32 ``token_map``.

    Raises:
        RunFailed: the file cannot be written.
    """
    write_tensors(path, {_TOKEN_MAP: torch.from_numpy(ids)})


def read_token_map(path: Path) -> Ids:
    """Read what :func:`write_token_map` wrote, or a user's own mapping.

    Raises:
        BadInput: damaged, or not one row of int32, each a number or ``UNMAPPED``.
    """
    shapes = tensor_shapes(path)
    if list(shapes) != [_TOKEN_MAP] or len(shapes[_TOKEN_MAP]) != 1:
        raise BadInput(f"does not hold just a row {_TOKEN_MAP}", where=str(path))
    tensor = read_tensors(path)[_TOKEN_MAP]
    if tensor.dtype != torch.int32 or (tensor < UNMAPPED).any():
        raise BadInput(f"{_TOKEN_MAP} is not int32 from {UNMAPPED} on", where=str(path))
    return np.asarray(tensor.numpy(), dtype=np.int32)


def _bytes_of(token: str, alphabet: dict[str, int]) -> bytes:
    if alphabet and all(character in alphabet for character in token):
        return bytes(alphabet[character] for character in token)
    single = _BYTE_TOKEN.fullmatch(token)
    if single:
        return bytes([int(single[1], 16)])
    return token.replace(_SPACE, " ").encode()


def _probe_text(vocabulary: dict[str, int]) -> str:
    """Text that merges in many ways: tokens of the vocabulary itself, side by side."""
    return " ".join(sorted(vocabulary, key=lambda token: (len(token), token))[-2000:])
