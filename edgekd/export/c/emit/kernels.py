"""The kernels that a model uses, each once, in an order in which they can be compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent.parent / "kernels"
_INCLUDE = re.compile(r'^#include "([\w/]+)\.h"\n', re.MULTILINE)
_SYSTEM = re.compile(r"^#include <([\w.]+)>\n", re.MULTILINE)


def kernel_sources(names: Iterable[str]) -> tuple[list[str], str]:
    """Flatten kernel files and what they include.

    Args:
        names: files under ``kernels/``, without ``.h``.

    Returns:
        The system headers they need, and the C text.
    """
    texts: dict[str, str] = {}
    headers: dict[str, None] = {}
    for name in names:
        _take(name, texts, headers)
    return list(headers), "\n".join(text.strip() + "\n" for text in texts.values())


def _take(name: str, texts: dict[str, str], headers: dict[str, None]) -> None:
    if name in texts:
        return
    text = (_FOLDER / f"{name}.h").read_text(encoding="utf-8")
    for header in _SYSTEM.findall(text):
        headers.setdefault(header)
    for needed in _INCLUDE.findall(text):
        _take(needed, texts, headers)
    texts[name] = _SYSTEM.sub("", _INCLUDE.sub("", text))
