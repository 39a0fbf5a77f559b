"""``sweep.md`` and ``sweep.html``: every setting of a sweep or a search, and which is best."""

from __future__ import annotations

import re

from edgekd.records import Sweep
from edgekd.report import prose, units
from edgekd.report.markdown import escape, table_lines
from edgekd.report.pages.templates import page_templates
from edgekd.report.search.dots import has_dots, key_chart, key_panels
from edgekd.report.search.heatmap import COLOUR, FAINTEST, STRONGEST, heat_map, wide_pixels
from edgekd.report.search.settings import (
    Surface,
    is_search,
    keys_of,
    measured,
    surface_of,
    value_text,
)
from edgekd.report.search.sweep_tables import cost_table, over_table, points_table, sweep_figures
from edgekd.report.tables.grounds import facts_table
from edgekd.report.tables.table import Column, Row, Table

POINTS_NOTE = (
    "Settings stand in the order of their mean on validation data, on which the best was chosen. "
    "Test figures are reported, never chosen by."
)
COST_NOTE = (
    "Seconds are the sum over all worker processes. The teacher is trained and asked once for all "
    "settings."
)
_AXIS_NOTE = "Accuracy is on test data; its axis does not start at zero."
_TRIALS_AXIS_NOTE = (
    "Accuracy is on validation data; its axis does not start at zero. A triangle at its low end "
    "stands for a trial below it."
)

_LEGEND_STEPS = 5


def render_sweep_markdown(sweep: Sweep) -> str:
    """The sweep as GitHub-flavoured Markdown; every string in it is shown as it is."""
    lines = [
        f"# edgekd sweep: {escape(sweep.recipe)}",
        "",
        f"Run: {escape(prose.run_line(sweep.seeds, sweep.environment))}",
        "",
        f"Verdict: **{escape(sweep.why)}**",
        "",
    ]
    for figure in sweep_figures(sweep):
        note = f" ({escape(figure.note)})" if figure.note else ""
        lines.append(f"- {escape(figure.label)}: {escape(figure.value)}{note}")
    surface = surface_of(sweep)
    if surface and measured(sweep):
        lines += ["", "## The surface", "", escape(_surface_note(sweep)), ""]
        lines += table_lines(_surface_table(sweep, surface))
    lines += ["", "## Every setting", "", POINTS_NOTE, "", *table_lines(points_table(sweep))]
    lines += ["## What the sweep cost", "", COST_NOTE, "", *table_lines(cost_table(sweep))]
    lines += ["## What every figure rests on", ""]
    lines += [f"- {escape(text)}" for text in how_it_was_made(sweep)]
    for table in (over_table(sweep), facts_table("Environment", sweep.environment)):
        if table.rows:
            lines += ["", f"### {table.caption}", "", *table_lines(table)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def render_sweep_html(sweep: Sweep) -> str:
    """The sweep as one HTML page with its style and charts inside; every string is escaped.

    Raises:
        MissingPackage: jinja2 or matplotlib is not installed.
    """
    found = [one.accuracy.value for one in measured(sweep)]
    surface = surface_of(sweep) if found else None
    drawn = has_dots(sweep) and not surface
    single = len(keys_of(sweep)) == 1
    template = page_templates().get_template("sweep.html.j2")
    return template.render(
        recipe=sweep.recipe,
        title_line=prose.run_line(sweep.seeds, sweep.environment),
        sweep=sweep,
        figures=sweep_figures(sweep),
        surface=heat_map(sweep, surface) if surface else None,
        surface_pixels=wide_pixels(surface) if surface else None,
        surface_note=_surface_note(sweep),
        lowest=units.percent(min(found, default=None)),
        highest=units.percent(max(found, default=None)),
        colour=COLOUR,
        shades=_shades(),
        key_chart=key_chart(sweep) if drawn and single else None,
        panels=key_panels(sweep) if drawn and not single else [],
        is_search=is_search(sweep),
        axis_note=_TRIALS_AXIS_NOTE if is_search(sweep) else _AXIS_NOTE,
        references=_reference_texts(sweep),
        points_note=POINTS_NOTE,
        points=points_table(sweep),
        cost_note=COST_NOTE,
        cost=cost_table(sweep),
        how=how_it_was_made(sweep),
        grounds=[over_table(sweep), facts_table("Environment", sweep.environment)],
    )


def _shades() -> list[float]:
    """Opacities of the legend, from the lowest accuracy to the highest."""
    step = (STRONGEST - FAINTEST) / (_LEGEND_STEPS - 1)
    return [round(FAINTEST + index * step, 3) for index in range(_LEGEND_STEPS)]


def how_it_was_made(sweep: Sweep) -> list[str]:
    """What was chosen on which data, and what the figures do not say."""
    seeds = "one seed" if len(sweep.seeds) == 1 else f"{len(sweep.seeds)} seeds"
    texts = [
        f"Each finished setting is the mean over {seeds}; its 95% interval covers the seeds and "
        f"the test samples ({units.count(sweep.teacher.n)} of them).",
        "All choices, of learning rates and of the best setting, were made on validation data "
        "only. Test data were then used to report.",
        "A best of many validation figures is flattered by being chosen; its test figure is not. "
        "To prefer another setting for its test figure would be to choose on test data.",
        "Only the distance of the best to the second is tested, paired by sample and seed. "
        "Nothing is claimed of the distance between any other two.",
    ]
    if len(sweep.seeds) == 1:
        texts.append("One seed says nothing about the noise of training.")
    if is_search(sweep):
        texts.append(
            "Trial: a setting of the search, trained with one seed. Its validation figure served "
            "to choose; it was not tested. The best trial and the recipe's own setting were then "
            "trained with every seed."
        )
    if any(point.state == "stopped" for point in sweep.points):
        texts.append(
            "Stopped: a setting that was behind the others on validation data and was given up. "
            "It was not tested, and its last validation figure is not drawn."
        )
    if sweep.control:
        texts.append(
            "Control: the same student from its labels alone, under the recipe's own setting."
        )
    else:
        texts.append("Control: none that all settings have in common.")
    return texts


def _surface_note(sweep: Sweep) -> str:
    text = "The best is chosen on validation data, so another cell can show more on test data."
    if sweep.lead is None:
        return text
    is_ahead = "is" if sweep.lead.beyond_noise else "is not"
    return f"{text} The best {is_ahead} ahead of the second by more than the noise."


def _surface_table(sweep: Sweep, surface: Surface) -> Table:
    """The surface in figures: rows and columns of values."""
    found = {one.index: one.accuracy for one in measured(sweep)}
    columns = [Column(f"{surface.row_key} by {surface.column_key}", role="text")]
    columns += [Column(value_text(value)) for value in surface.column_values]
    rows = []
    for row, value in enumerate(surface.row_values):
        cells = [value_text(value)]
        for column in range(len(surface.column_values)):
            index = surface.cells[row, column]
            text = units.percent(found[index].value) if index in found else None
            cells.append(text or sweep.points[index].state)
            cells[-1] += " (best)" if index == sweep.best else ""
        rows.append(Row(cells))
    return Table("The surface", columns, rows)


def _reference_texts(sweep: Sweep) -> list[tuple[str, str]]:
    """Each reference line of the charts and what it stands at."""
    named = [("teacher", sweep.teacher), ("control", sweep.control)]
    return [
        (name, f"{units.percent(accuracy.value)}, {units.interval(*accuracy.ci95)}")
        for name, accuracy in named
        if accuracy
    ]
