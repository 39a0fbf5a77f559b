"""Lists of names that do not match, as errors tell them."""

from __future__ import annotations

import difflib
from collections.abc import Collection

_LISTED = 3


def listed(names: Collection[str]) -> str:
    """The first few names, quoted, and how many more there are."""
    shown = ", ".join(repr(name) for name in list(names)[:_LISTED])
    more = len(names) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def listed_with_near(names: Collection[str], known: Collection[str]) -> str:
    """As :func:`listed`, each with the known name that it may have meant."""
    by_lower_case = {name.lower(): name for name in known}
    told = []
    for name in list(names)[:_LISTED]:
        near = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
        told.append(f"{name!r} (near: {by_lower_case[near[0]]!r})" if near else repr(name))
    more = len(names) - _LISTED
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")
