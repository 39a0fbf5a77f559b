"""``tokenizer.json``: written, and read from strangers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekd.data.tokenizer.encoding import FILE, from_document, plain_copy, token_ids
from edgekd.errors import BadInput
from edgekd.files import read_json, write_text
from edgekd.third_party import require

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENS = 1_000_000
# Cutting a word takes time with its square.
MAX_WORD_CHARACTERS = 1000
USUAL_PADDING = ("[PAD]", "<pad>")

_MODELS = ("WordPiece", "WordLevel", "BPE", "Unigram")
_TRIAL = ("a text", "\u2603")


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write ``tokenizer.json``, whole or not at all.

    Raises:
        RunFailed: it cannot be written.
    """
    write_text(path, tokenizer.to_str())


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a ``tokenizer.json``, maybe a stranger's; it always cuts a text in the same way.

    Raises:
        BadInput: it is missing, larger than 64 MiB, not version 1.0, of an unknown model, does not
            number its tokens 0, 1, 2, ..., works by chance, or does not work.
        MissingPackage: tokenizers is not installed.
    """
    require("text", "tokenizers")
    document = read_json(path)
    _check(document, str(path))
    tokenizer = from_document(document, str(path))
    # What does not fit together shows only when a text comes.
    for ids in token_ids(plain_copy(tokenizer), _TRIAL, special=True, where=str(path)):
        if any(tokenizer.id_to_token(number) is None for number in ids):
            raise BadInput("puts what is no token around a text", where=str(path))
    return tokenizer


def teacher_tokenizer(folder: Path) -> tuple[Tokenizer, int]:
    """The tokenizer of a Hugging Face folder, and the number of its padding.

    Raises:
        BadInput: there is no ``tokenizer.json``, it does not hold, or no token is for padding.
    """
    path = folder / FILE
    if not path.is_file():
        raise BadInput(
            f"holds no {FILE}",
            where=str(folder),
            mend="save the model with its fast tokenizer (AutoTokenizer.save_pretrained)",
        )
    tokenizer = load_tokenizer(path)
    settings = folder / "tokenizer_config.json"
    named = read_json(settings) if settings.is_file() else None
    told = named.get("pad_token") if isinstance(named, dict) else None
    token = told.get("content") if isinstance(told, dict) else told
    vocabulary = tokenizer.get_vocab()
    for candidate in ((tokenizer.padding or {}).get("pad_token"), token, *USUAL_PADDING):
        if isinstance(candidate, str) and candidate in vocabulary:
            return tokenizer, vocabulary[candidate]
    raise BadInput("no token is for padding", where=str(path), mend=f"name it in {settings.name}")


def _check(document: Any, where: str) -> None:
    """What the library does not check: the version, sizes, numbers and chance."""
    model = document.get("model") if isinstance(document, dict) else None
    if not isinstance(model, dict) or document.get("version") != "1.0":
        raise BadInput("is no tokenizer of version 1.0", where=where)
    if model.get("type") not in _MODELS:
        raise BadInput(
            f"the model {model.get('type')!r} is not known",
            where=where,
            mend=f"known: {', '.join(_MODELS)}",
        )
    if model.get("dropout"):
        raise BadInput("drops merges by chance", where=where, mend="set dropout to null")
    most = model.get("max_input_chars_per_word", 0)
    if not isinstance(most, int) or most > MAX_WORD_CHARACTERS:
        raise BadInput(f"takes words of more than {MAX_WORD_CHARACTERS} characters", where=where)
    _check_numbers(model.get("vocab"), document.get("added_tokens") or [], where)


def _check_numbers(vocabulary: Any, added: Any, where: str) -> None:
    """Tokens are numbered 0, 1, 2, ...; with gaps the library lists all of them on every copy."""
    if not isinstance(vocabulary, dict | list) or not isinstance(added, list):
        raise BadInput("holds no vocabulary", where=where)
    own = list(vocabulary.values()) if isinstance(vocabulary, dict) else range(len(vocabulary))
    numbers = [*own, *(one.get("id") if isinstance(one, dict) else None for one in added)]
    for number in numbers:
        if type(number) is not int or not 0 <= number < MAX_TOKENS:
            raise BadInput(f"{number!r} is no number of a token", where=where)
    if max(numbers, default=-1) != len(set(numbers)) - 1:
        raise BadInput("the numbers of its tokens have gaps", where=where)
