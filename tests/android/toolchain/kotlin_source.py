"""What can be told of Kotlin's sources without a compiler."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_TOKEN = re.compile(
    r'(?P<text>"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')'
    r"|(?P<comment>//[^\n]*|/\*[\s\S]*?\*/)"
)
_IMPORT = re.compile(r"^import ([\w.`*]+)", re.MULTILINE)
_OWN_ROOM = re.compile(r"\bdev\.edgekd\.core\.(\w+)")


@dataclass(frozen=True)
class KotlinSource:
    """A Kotlin file."""

    path: Path

    @cached_property
    def code(self) -> str:
        """Its text without comments and with empty strings; lines keep their numbers."""
        text = self.path.read_text(encoding="utf-8")

        def blank(match: re.Match[str]) -> str:
            kept = '""' if match["text"] else ""
            return kept + "\n" * match[0].count("\n")

        return _TOKEN.sub(blank, text)

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return len(self.path.read_text(encoding="utf-8").splitlines())

    @property
    def imports(self) -> list[str]:
        """The names that it imports."""
        return _IMPORT.findall(self.code)

    @property
    def rooms(self) -> set[str]:
        """The rooms of ``dev.edgekd.core`` that it names, by import or in full."""
        body = re.sub(r"^package .*$", "", self.code, flags=re.MULTILINE)
        return set(_OWN_ROOM.findall(body))

    def found(self, pattern: str) -> Iterator[str]:
        """Where a pattern is found, as ``file:line: text``."""
        for number, line in enumerate(self.code.splitlines(), start=1):
            if re.search(pattern, line):
                yield f"{self.path.name}:{number}: {line.strip()}"
