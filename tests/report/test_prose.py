"""The report's sentences."""

from __future__ import annotations

from edgekd.records import Report
from edgekd.report.prose import flat_facts, title_line, verdict_line


def test_nested_facts_become_one_line_each() -> None:
    facts = {
        "splits": {"train": 3500, "fractions": [0.7, 0.3]},
        "arms": [{"rate": 0.01}, {"rate": 0.03}],
        "cached": True,
        "empty": {},
        "nothing": None,
    }

    assert flat_facts(facts) == [
        ("splits: train", "3500"),
        ("splits: fractions", "0.7, 0.3"),
        ("arms: 1: rate", "0.01"),
        ("arms: 2: rate", "0.03"),
        ("cached", "yes"),
        ("empty", "\N{EN DASH}"),
        ("nothing", "\N{EN DASH}"),
    ]


def test_the_title_names_seeds_and_the_date(report: Report) -> None:
    assert title_line(report) == "seeds 0, 1, 2 · 2026-11-21 22:41 UTC"


def test_the_verdict_can_go_against_distillation(report: Report) -> None:
    assert report.verdict
    against = report.verdict.model_copy(
        update={"distillation_worth_it": False, "gain": 0.001, "ci95": (-0.004, 0.006)}
    )

    assert verdict_line(report.model_copy(update={"verdict": against})) == (
        "Distillation was not shown to be worth it: +0.10 points "
        "(95% interval \N{MINUS SIGN}0.40 to +0.60) against the same student trained from scratch."
    )
