"""Figures and strings as a reader sees them: one place for units, decimals and safe text."""

from __future__ import annotations

import unicodedata

MISSING = "\N{EN DASH}"

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Embeddings, overrides and isolates: they could show a name in another order than it has.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_KIBI = 1024


def clean(text: str) -> str:
    """One line of text that every output can hold.

    Whitespace is collapsed. Control characters, lone surrogates, marks that turn the writing
    direction, and code points that XML forbids become U+FFFD.
    """
    return "".join(_printable(character) for character in " ".join(text.split()))


def percent(fraction: float | None) -> str:
    """``0.9684`` as ``96.84%``."""
    return MISSING if fraction is None else f"{fraction * 100:.2f}%"


def metric(name: str) -> str:
    """The name of a metric at the head of a column."""
    return {"auc": "AUC", "next-token": "Next token"}.get(name, name.capitalize())


def perplexity(value: float | None) -> str:
    """Two decimals below a thousand: files that differ by a percent differ in them."""
    if value is None:
        return MISSING
    if abs(value) < 1000:
        return f"{value:.2f}"
    return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.2e}"


def nats(value: float | None) -> str:
    """Nats with three decimals: a thousandth is a tenth of a percent of perplexity."""
    return MISSING if value is None else f"{value:.3f}"


def rate(value: float | None) -> str:
    """Something a second, with three significant digits and without a unit."""
    return MISSING if value is None else _three_digits(value)


def interval(low: float, high: float) -> str:
    """A 95% interval of fractions, as ``96.10 to 97.50%``."""
    return f"{low * 100:.2f} to {high * 100:.2f}%"


def points(value: float) -> str:
    """Percentage points with their sign, as ``+3.92``; no sign on what rounds to zero."""
    text = f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
    return "0.00" if text[1:] == "0.00" else text


def milliseconds(value: float | None) -> str:
    """Three significant digits, without a unit: the column heading carries it."""
    return MISSING if value is None else _three_digits(value)


def seconds(value: float) -> str:
    """Three significant digits and the unit."""
    return f"{_three_digits(value)} s"


def size(count: int | None) -> str:
    """Bytes as B, or with three digits as KiB, MiB or GiB (powers of 1,024)."""
    if count is None:
        return MISSING
    if abs(count) < _KIBI:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB"):
        value /= _KIBI
        if abs(value) < _KIBI:
            return f"{_three_digits(value)} {unit}"
    return f"{_three_digits(value / _KIBI)} GiB"


def count(value: int | None) -> str:
    """A whole number with thousands separated."""
    return MISSING if value is None else f"{value:,}"


def times(ratio: float | None) -> str:
    """A ratio with three digits and the multiplication sign."""
    return MISSING if ratio is None else f"{_three_digits(ratio)}\N{MULTIPLICATION SIGN}"


def decibels(value: float | None) -> str:
    """Signal to noise in dB; null means equal to the last bit."""
    return "exact" if value is None else f"{value:.1f}"


def scalar(value: object) -> str:
    """Any JSON scalar as a reader would write it."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) < 1e-4:
        return f"{value:.2e}"
    # "#" keeps trailing zeros, which make the digits of a column comparable.
    return f"{value:#.3g}".rstrip(".")


def _printable(character: str) -> str:
    # Cn holds the noncharacters U+FFFE and U+FFFF, which XML forbids.
    bad = unicodedata.category(character) in {"Cc", "Cs", "Cn"} or character in _DIRECTION_MARKS
    return _REPLACEMENT if bad else character
