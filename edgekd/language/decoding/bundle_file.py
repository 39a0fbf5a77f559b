"""``language.json``: written beside a language model, and read again with suspicion."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edgekd.errors import BadInput
from edgekd.files import read_json, sha256_of, write_json
from edgekd.language.decoding.contract import LanguageBundle

LANGUAGE_FILE = "language.json"
_MAX_RECORD_BYTES = 4 * 1024 * 1024
_EXPORT_AGAIN = "export the model again"


def write_language_bundle(folder: Path, bundle: LanguageBundle) -> None:
    """Write a bundle beside its artifact.

    Raises:
        RunFailed: the folder cannot be written.
    """
    write_json(folder / LANGUAGE_FILE, bundle.model_dump(mode="json", by_alias=True))


def read_language_bundle(folder: Path) -> LanguageBundle:
    """Read a bundle, and see that each file it names lies in the folder and is the one exported.

    Raises:
        BadInput: there is none, it is damaged, or a file is missing or another one.
    """
    path = folder / LANGUAGE_FILE
    if not path.is_file():
        raise BadInput(
            f"holds no {LANGUAGE_FILE}",
            where=str(folder),
            mend="give the folder of an exported language model",
        )
    if path.stat().st_size > _MAX_RECORD_BYTES:
        raise BadInput(f"is larger than {_MAX_RECORD_BYTES} bytes", where=str(path))
    try:
        bundle = LanguageBundle.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        what = f"{key}: {first['msg']}" if key else first["msg"]
        raise BadInput(what[:200], where=str(path), mend=_EXPORT_AGAIN) from error
    _check_files(folder, bundle)
    return bundle


def _check_files(folder: Path, bundle: LanguageBundle) -> None:
    _check_file(folder, "model", bundle.model, bundle.sha256, bundle.bytes)
    _check_file(folder, "tokenizer", bundle.tokenizer, bundle.tokenizer_sha256)
    if bundle.token_map is not None and bundle.token_map_sha256 is not None:
        _check_file(folder, "token map", bundle.token_map, bundle.token_map_sha256)
    if bundle.chat_template is not None and bundle.chat_template_sha256 is not None:
        _check_file(folder, "chat template", bundle.chat_template, bundle.chat_template_sha256)


def _check_file(folder: Path, key: str, name: str, sha256: str, size: int | None = None) -> None:
    path = folder / name
    if path.resolve().parent != folder.resolve():
        raise BadInput(f"{key}: {name} is no file of this folder", where=str(folder))
    if not path.is_file():
        raise BadInput(f"{key}: {name} is missing", where=str(folder), mend=_EXPORT_AGAIN)
    try:
        # The size first: a file that was cut off or grew need not be read to be refused.
        found = path.stat().st_size
        if size is not None and found != size:
            raise BadInput(
                f"has {found} bytes, and {LANGUAGE_FILE} says {size}",
                where=str(path),
                mend=_EXPORT_AGAIN,
            )
        same = sha256_of(path) == sha256
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error
    if not same:
        raise BadInput(
            f"is not the {key} that {LANGUAGE_FILE} names: its SHA-256 differs",
            where=str(path),
            mend=_EXPORT_AGAIN,
        )
