"""New numbers for the special tokens that a tokenizer puts around a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ENDS = ("cls", "sep")


def renumbered(post: Any, numbers: Mapping[str, int]) -> Any:
    """A post-processor of a ``tokenizer.json`` with other numbers for its tokens.

    Args:
        post: its content; what names no token comes back as it is.
        numbers: of all tokens that it names.
    """
    if not isinstance(post, dict):
        return post
    if post.get("type") == "Sequence":
        return {**post, "processors": [renumbered(part, numbers) for part in post["processors"]]}
    if post.get("type") in ("BertProcessing", "RobertaProcessing"):
        return {**post, **{end: [post[end][0], numbers[post[end][0]]] for end in _ENDS}}
    if post.get("type") != "TemplateProcessing":
        return post
    special = {
        name: {**one, "ids": [numbers[token] for token in one["tokens"]]}
        for name, one in post["special_tokens"].items()
    }
    return {**post, "special_tokens": special}
