"""A classifier of Hugging Face transformers, from a local folder or by its id.

Only safetensors weights of an architecture that transformers itself has are loaded: neither
pickled weights nor Python files that come with a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekd.errors import BadInput
from edgekd.files import digest, files_below, sha256_of
from edgekd.packages import PREFIX, package_fingerprint, resolve_package
from edgekd.recipe import Head
from edgekd.teachers.names import listed
from edgekd.third_party import quiet, reason, require

if TYPE_CHECKING:
    from torch import nn

    from edgekd.teachers.hugging_face_module import HuggingFaceModule

_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_READ = (".json", ".safetensors")
_HASHED = (*_READ, ".gguf")
_CONFIG = "config.json"
_TASKS = {
    "ForImageClassification": "AutoModelForImageClassification",
    "ForAudioClassification": "AutoModelForAudioClassification",
    "ForSequenceClassification": "AutoModelForSequenceClassification",
}


def load_module(path_or_id: str, revision: str | None) -> HuggingFaceModule:
    """Load a classifier of images, audio features or token numbers, in eval mode, float32.

    What is in the local cache is taken from there, without a question to the network. Attention
    is computed step by step (``eager``), so that attention maps exist to be tapped.

    Args:
        path_or_id: a folder written by ``save_pretrained``, or an id such as ``google/vit-base``.
        revision: of an id: a commit, tag or branch; null: the main branch.

    Returns:
        A module ``[N, ...]`` to logits, with ``class_names`` (null where the configuration only
        numbers them).

    Raises:
        BadInput: not to be had, no classifier, weights that are not safetensors or that do not
            fill the model, or an architecture that needs code of its own.
        MissingPackage: transformers is not installed.
    """
    require("teachers", "torch", "transformers")
    from edgekd.teachers.hugging_face_module import HuggingFaceModule

    model = _load(model_folder(path_or_id, revision), _auto_class)
    names = _class_names(model.config)
    return HuggingFaceModule(model, model.main_input_name, names).eval()


def load_encoder(path_or_id: str, revision: str | None, head: Head, classes: int) -> nn.Module:
    """Load an encoder of texts and put a fresh linear classifier on it.

    Args:
        path_or_id: a folder written by ``save_pretrained``, an id, or ``package:NAME``.
        revision: of an id: a commit, tag or branch; null: the main branch.
        head: the classifier.
        classes: its outputs.

    Returns:
        A module from token numbers ``[N, T]`` to logits.

    Raises:
        BadInput: not to be had, no encoder of texts, or weights that are not safetensors or that
            do not fill the model.
        MissingPackage: transformers is not installed.
    """
    require("teachers", "torch", "transformers")
    from edgekd.teachers.hugging_face_module import EncoderWithHead

    folder = model_folder(path_or_id, revision)
    encoder = _load(folder, lambda *_: "AutoModel")
    if encoder.main_input_name != "input_ids" or not hasattr(encoder.config, "hidden_size"):
        raise BadInput("is no encoder of texts", where=str(folder), mend="check teacher.path")
    return EncoderWithHead(encoder, head.pooling, head.dropout, classes).eval()


def model_folder(path_or_id: str, revision: str | None) -> Path:
    """The folder that holds a model: itself, a package's, or that of the local cache.

    Raises:
        BadInput: not to be had, or without safetensors weights.
    """
    packaged = resolve_package(path_or_id)
    if packaged is not None:
        folder = packaged
    else:
        folder = Path(path_or_id) if _is_folder(path_or_id) else _fetched(path_or_id, revision)
    _check_folder(folder)
    return folder


def fingerprint(path_or_id: str, revision: str | None) -> str:
    """What identifies the model: a hash of its files, or ``id@commit``.

    The commit of a branch or tag is the one in the local cache; where nothing is cached yet, the
    name of the branch or tag stands for it.

    Raises:
        BadInput: neither a folder nor an id.
        MissingPackage: huggingface_hub, which comes with transformers, is not installed.
    """
    if path_or_id.startswith(PREFIX):
        return package_fingerprint(path_or_id)
    if _is_folder(path_or_id):
        folder = Path(path_or_id)
        files = [file for file in files_below(folder) if file.suffix in _HASHED]
        return digest({str(file.relative_to(folder)): sha256_of(file) for file in files})
    name = revision or "main"
    if not _COMMIT.fullmatch(name):
        require("teachers", "huggingface_hub")
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(path_or_id, _CONFIG, revision=name)
        # A cached file lies in a folder that is named for its commit.
        name = Path(cached).parent.name if isinstance(cached, str) else name
    return f"{path_or_id}@{name}"


def _is_folder(path_or_id: str) -> bool:
    if Path(path_or_id).is_dir():
        return True
    if not _ID.fullmatch(path_or_id):
        raise BadInput(
            "is neither a folder nor a Hugging Face id",
            where=path_or_id,
            mend="check teacher.path",
        )
    return False


def _check_folder(folder: Path) -> None:
    if not (folder / _CONFIG).is_file():
        raise BadInput(f"has no {_CONFIG}", where=str(folder), mend="write it by save_pretrained")
    if not any(folder.glob("*.safetensors")):
        raise BadInput(
            "has no weights in safetensors; pickled weights are not loaded",
            where=str(folder),
            mend="write it anew by save_pretrained(folder, safe_serialization=True)",
        )


def _fetched(identifier: str, revision: str | None) -> Path:
    """The folder of the local cache that holds a model, filled first where it must be."""
    from huggingface_hub import snapshot_download

    wanted = [f"*{suffix}" for suffix in _READ]
    folder = None
    with suppress(OSError):
        folder = Path(
            snapshot_download(
                identifier, revision=revision, allow_patterns=wanted, local_files_only=True
            )
        )
    if folder is not None and any(folder.glob("*.safetensors")):
        return folder
    try:
        with quiet():
            return Path(snapshot_download(identifier, revision=revision, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        cause = error.__cause__ or error
        raise BadInput(
            f"is not in the local cache, and cannot be fetched: {type(cause).__name__}",
            where=identifier,
            mend="check teacher.path and teacher.revision; without a network give a folder",
        ) from error


def _load(folder: Path, auto_class: Callable[[Any, Path], str]) -> Any:
    import torch
    import transformers

    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        with quiet():
            config = transformers.AutoConfig.from_pretrained(folder, **local)
            loader = getattr(transformers, auto_class(config, folder))
            model, report = loader.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                attn_implementation="eager",
                dtype=torch.float32,
                output_loading_info=True,
                # Told below, by name; otherwise transformers raises without one.
                ignore_mismatched_sizes=True,
                **local,
            )
    except BadInput:
        raise
    except Exception as error:  # Damaged weights, unknown architectures, odd configurations.
        raise BadInput(
            f"transformers cannot load it: {reason(error)}", where=str(folder)
        ) from error
    # Some versions give (name, shape, shape) for those whose shape is another.
    other_shape = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]
    # An encoder's own pooling layer is not used by a head on it, and often not there.
    lacking = sorted(
        key for key in {*report["missing_keys"], *other_shape} if not key.startswith("pooler.")
    )
    if lacking:
        raise BadInput(
            f"has no weights that fit {listed(lacking)}",
            where=str(folder),
            mend="give a model that was trained as a classifier",
        )
    return model


def _auto_class(config: Any, folder: Path) -> str:
    from transformers.models.auto import modeling_auto

    built = (config.architectures or [""])[0]
    for suffix, name in _TASKS.items():
        if not built.endswith(suffix):
            continue
        # Speech models call their classifier of sounds one of sequences.
        audio = modeling_auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES
        known = audio.get(config.model_type)
        return _TASKS["ForAudioClassification"] if built == known else name
    raise BadInput(
        f"is a {built or config.model_type}, no classifier of images, audio or text",
        where=str(folder),
    )


def _class_names(config: Any) -> tuple[str, ...] | None:
    names = tuple(str(config.id2label[number]) for number in range(config.num_labels))
    # What transformers makes up where nobody named them.
    if names == tuple(f"LABEL_{number}" for number in range(len(names))):
        return None
    return names
