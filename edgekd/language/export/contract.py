"""What an exporter of language models gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgekd.records import Preflight


@dataclass(frozen=True)
class ExportedDecoder:
    """A language model in a file, with its cache.

    Attributes:
        path: the artifact.
        scheme: the precision in words: bits, granularity, what the activations are.
        tools: name and version of each tool that touched the file.
        preflight: what the runtime will do with it.
        prefill: numbers of tokens that the file takes in one call, besides one; empty: any.
    """

    path: Path
    scheme: str
    tools: dict[str, str]
    preflight: Preflight
    prefill: list[int] = field(default_factory=list)
