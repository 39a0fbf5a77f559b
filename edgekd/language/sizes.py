"""The sizes of a causal language model, read from its configuration alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgekd.errors import BadInput
from edgekd.language.llama import architecture_of, what_differs
from edgekd.language.network import Architecture
from edgekd.packages import resolve_package
from edgekd.third_party import quiet, reason, require

_BY_HAND = "give its sizes by hand in a JSON file (--teacher-architecture)"


def architecture_of_teacher(path_or_id: str, revision: str | None = None) -> Architecture:
    """Read ``config.json``, or the header of the ``.gguf`` file; no weights.

    Args:
        path_or_id: a folder, a Hugging Face id, or ``package:NAME``.
        revision: of an id.

    Raises:
        BadInput: not to be had, or not of the Llama family.
        MissingPackage: transformers is not installed.
    """
    require("teachers", "transformers")
    import transformers

    folder = resolve_package(path_or_id) or Path(path_or_id)
    options: dict[str, Any] = {"trust_remote_code": False}
    if folder.is_dir():
        options["local_files_only"] = True
        files = sorted(folder.glob("*.gguf"))
        if files:
            options["gguf_file"] = files[0].name
    try:
        with quiet():
            config = transformers.AutoConfig.from_pretrained(
                folder if folder.is_dir() else path_or_id, revision=revision or "main", **options
            )
    # No network, no such id, an unknown kind of model, a damaged file.
    except Exception as error:
        raise BadInput(
            f"its configuration cannot be read: {reason(error)}", where=path_or_id, mend=_BY_HAND
        ) from error
    missing = what_differs(config)
    if missing:
        raise BadInput(missing, where=path_or_id, mend=_BY_HAND)
    return architecture_of(config)
