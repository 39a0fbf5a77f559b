"""``fit.md`` and ``fit.html``: the best student inside a budget, or what stands in its way."""

from __future__ import annotations

import re

from edgekd.records import Fit
from edgekd.report import prose
from edgekd.report.markdown import escape, table_lines
from edgekd.report.pages.templates import page_templates
from edgekd.report.search.fit_chart import fit_chart, series_of_precision
from edgekd.report.search.fit_tables import budget_table, fit_figures, fitting_table, refused_table
from edgekd.report.tables.grounds import facts_table

BUDGET_NOTE = (
    "Flash and RAM are estimates, worked out from the network before training: bytes of its "
    "tensors, and nothing of a runtime. KiB is 1,024 bytes."
)
FITTING_NOTE = (
    "In the order of the figure on validation data, by which the student is chosen and the "
    "accuracy goal is judged. Test figures are reported, never chosen by."
)
REFUSED_NOTE = "Their estimate exceeds the budget, so they were never trained. The nearest first."


def render_fit_markdown(fit: Fit) -> str:
    """The fit as GitHub-flavoured Markdown; every string in it is shown as it is."""
    lines = [
        f"# edgekd fit: {escape(fit.recipe)}",
        "",
        f"Run: {escape(prose.run_line([fit.seed], fit.environment))}",
        "",
        f"Answer: **{escape(fit.why)}**",
        "",
    ]
    for figure in fit_figures(fit):
        lines.append(f"- {escape(figure.label)}: {escape(figure.value)} ({escape(figure.note)})")
    lines += ["", "## Budget", "", BUDGET_NOTE, "", *table_lines(budget_table(fit))]
    for heading, note, table in (
        ("Candidates inside RAM and flash", FITTING_NOTE, fitting_table(fit)),
        ("Refused before training", REFUSED_NOTE, refused_table(fit)),
    ):
        if table.rows:
            lines += [f"## {heading}", "", note, "", *table_lines(table)]
    lines += ["## What every figure rests on", ""]
    lines += [f"- {escape(text)}" for text in how_it_was_made(fit)]
    environment = facts_table("Environment", fit.environment)
    if environment.rows:
        lines += ["", "### Environment", "", *table_lines(environment)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def render_fit_html(fit: Fit) -> str:
    """The fit as one HTML page with its style and chart inside; every string is escaped.

    Raises:
        MissingPackage: jinja2 or matplotlib is not installed.
    """
    template = page_templates().get_template("fit.html.j2")
    return template.render(
        recipe=fit.recipe,
        title_line=prose.run_line([fit.seed], fit.environment),
        fit=fit,
        figures=fit_figures(fit),
        budget_note=BUDGET_NOTE,
        budget=budget_table(fit),
        chart=fit_chart(fit),
        series=series_of_precision(fit),
        fitting_note=FITTING_NOTE,
        fitting=fitting_table(fit),
        refused_note=REFUSED_NOTE,
        refused=refused_table(fit),
        how=how_it_was_made(fit),
        grounds=[facts_table("Environment", fit.environment)],
    )


def how_it_was_made(fit: Fit) -> list[str]:
    """What is estimated and what is measured, and on which data."""
    texts = [
        "Flash, estimate: bytes of the weights at their precision. A file adds its own structure, "
        "and the device the code of its runtime.",
        "RAM, estimate: the arena for the activations of one sample. A runtime adds scratch "
        "buffers and records of its tensors, and may plan a larger arena.",
        "An estimate is not a measurement: export the chosen student and measure it before "
        "relying on either.",
        "Accuracy is that of the student in torch at its precision, after pruning, with one seed "
        f"({fit.seed}); it says nothing about the noise of training. The 95% interval covers the "
        "test samples only.",
        "A best of many validation figures is flattered by being chosen; its test figure is not.",
    ]
    if any(one.validation is None and not one.refused for one in fit.candidates):
        texts.append(
            "Not trained: not in full, because others inside RAM and flash were ahead after a "
            "short training."
        )
    return texts
