"""A comparison in words and cells."""

from __future__ import annotations

from edgekd.records.comparison import ComparedFigure, Comparison
from edgekd.report import units

_SHARES = ("accuracy", "agreement")
_TIMES = ("p50", "p90", "p99")
_NAMES = {
    "p50": "median latency",
    "model_bytes": "size of the file",
    "flash_bytes": "flash",
    "arena_bytes": "arena",
    "stack_bytes": "stack",
    "ram_bytes": "RAM",
    "peak_rss_bytes": "peak RSS",
    "first_token_ms": "time to first token",
    "tokens_per_second": "tokens/s of decoding",
}

HEADINGS = ("rung", "target", "figure", "baseline", "candidate", "change", "interval", "verdict")


def cell_text(rung: str, target: str | None) -> str:
    """``distilled-int8 on cortex-m4``; in torch, where there is no target."""
    return units.clean(f"{rung} on {target}" if target else f"{rung} in torch")


def regression_line(figure: ComparedFigure) -> str:
    """What got worse, by how much, in which interval, and what that interval covers."""
    interval = f" ({_interval(figure)}; {figure.covers})" if figure.interval else ""
    kind = f" ({figure.kind})" if figure.kind else ""
    return (
        f"{_name(figure)} of {cell_text(figure.rung, figure.target)}{kind}: "
        f"{_value(figure, figure.before)} to {_value(figure, figure.after)}, "
        f"{_change(figure, figure.change)}{interval}"
    )


def figure_rows(comparison: Comparison) -> list[list[str]]:
    """A row under ``HEADINGS`` for each figure."""
    return [
        [
            figure.rung,
            f"{figure.target} ({figure.kind})" if figure.target else "torch",
            _name(figure),
            _with_interval(figure, figure.before, figure.before_ci95),
            _with_interval(figure, figure.after, figure.after_ci95),
            _change(figure, figure.change),
            _interval(figure) if figure.interval else units.MISSING,
            figure.verdict,
        ]
        for figure in comparison.figures
    ]


def reason_lines(comparison: Comparison) -> list[str]:
    """Why figures are not judged, one line for each reason, with the figures it holds for."""
    found: dict[str, list[str]] = {}
    for figure in comparison.figures:
        if figure.reason:
            name = f"{_name(figure)} of {cell_text(figure.rung, figure.target)}"
            found.setdefault(units.clean(figure.reason), []).append(name)
    return [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}"
        for reason, names in found.items()
    ]


def confidence_line(comparison: Comparison) -> str:
    """What the verdict claims."""
    return (
        f"{comparison.judged} figures with an interval were judged at {comparison.confidence:.2%} "
        "each: where nothing changed, no change is found in any of them with "
        f"{comparison.family_confidence:.0%} confidence."
    )


def _name(figure: ComparedFigure) -> str:
    name, _, prompt = figure.figure.partition("/")
    return f"{_NAMES.get(name, name)}, prompt of {prompt}" if prompt else _NAMES.get(name, name)


def _with_interval(
    figure: ComparedFigure, value: float, interval: tuple[float, float] | None
) -> str:
    text = _value(figure, value)
    if interval is None:
        return text
    return f"{text} [{_value(figure, interval[0])}, {_value(figure, interval[1])}]"


def _value(figure: ComparedFigure, value: float) -> str:
    if figure.figure in _SHARES:
        return units.percent(value)
    if figure.figure in _TIMES or figure.figure.startswith("first_token_ms/"):
        return f"{units.milliseconds(value)} ms"
    if figure.figure.startswith("tokens_per_second/"):
        return units.rate(value)
    if figure.figure == "perplexity":
        return units.perplexity(value)
    if figure.figure.endswith("_bytes"):
        return f"{value:,.0f} B"
    return units.count(round(value))


def _change(figure: ComparedFigure, value: float) -> str:
    if figure.figure in _SHARES:
        return f"{units.points(value * 100)} points"
    return f"{units.points(value * 100)}%"


def _interval(figure: ComparedFigure) -> str:
    if figure.interval is None:
        return ""
    low, high = figure.interval
    return f"{units.points(low * 100)} to {units.points(high * 100)}"
