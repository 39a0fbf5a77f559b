"""Tables hold every record, and show only what a kind may claim."""

from __future__ import annotations

from edgekd.records import BudgetResult, Latency, Memory, Report
from edgekd.report import tables
from edgekd.report.prose import flat_facts, title_line, verdict_line
from edgekd.report.summary import target_sections
from edgekd.report.tables import Table

from .sample import INT4_REASON, INVALID_REASON


def _headings(table: Table) -> list[str]:
    return [f"{column.group}: {column.heading}" for column in table.columns]


def test_every_rung_with_its_interval_and_seeds(report: Report) -> None:
    rows = {row.cells[0]: row.cells for row in tables.rungs_table(report).rows}

    assert list(rows) == [rung.name for rung in report.rungs]
    assert rows["distilled-int8"][1:] == [
        "int8",
        "1,940",
        "53,802",
        "2.02 KiB",
        "96.77%",
        "95.67 to 97.87%",
        "96.80, 96.50, 97.00",
        "1,000",
    ]


def test_an_invalid_row_gives_its_reason(report: Report) -> None:
    onnx = target_sections(report)[2]

    rows = {row.cells[0]: row for row in tables.performance_table(onnx).rows}

    assert (rows["distilled-fp16"].state, rows["distilled-fp16"].note) == (
        "invalid",
        INVALID_REASON,
    )
    assert {row.state for name, row in rows.items() if name != "distilled-fp16"} == {""}


def test_what_is_not_available_gives_its_reason(report: Report) -> None:
    executorch = target_sections(report)[1]

    row = tables.performance_table(executorch).rows[-1]

    assert (row.cells[0], row.state, row.note) == ("distilled-int4", "not available", INT4_REASON)


def test_a_broken_budget_is_named(report: Report) -> None:
    over = report.measurements[0].model_copy(
        update={"budget": BudgetResult(ok=False, exceeded=["ram_bytes 20000 > 16384"])}
    )
    (section, *_) = target_sections(report.model_copy(update={"measurements": [over]}))

    (row,) = tables.performance_table(section).rows

    assert (row.state, row.note) == ("over budget", "ram_bytes 20000 > 16384")


def test_an_emulated_target_has_no_milliseconds(report: Report) -> None:
    emulated = report.measurements[0].model_copy(
        update={
            "kind": "emulated",
            "latency_ms": None,
            "instructions": 715_117,
            "memory": Memory(arena_bytes=22_820, stack_bytes=1_300, flash_bytes=157_972),
            "vs_teacher": report.measurements[0].vs_teacher.model_copy(update={"speedup": None}),
        }
    )
    (section, *_) = target_sections(report.model_copy(update={"measurements": [emulated]}))

    table = tables.performance_table(section)

    assert table.kind == "emulated"
    assert not [heading for heading in _headings(table) if heading.startswith("Latency")]
    assert (
        dict(zip(_headings(table), table.rows[0].cells, strict=True))["Work: Instructions"]
        == "715,117"
    )
    assert "Memory: Arena" in _headings(table)


def test_too_few_samples_leave_the_tail_empty(report: Report) -> None:
    few = report.measurements[0].model_copy(
        update={"latency_ms": Latency(p50=1.5, p90=None, p99=None, n=5, warmup=1)}
    )
    (section, *_) = target_sections(report.model_copy(update={"measurements": [few]}))

    headings = _headings(tables.performance_table(section))

    assert "Latency, ms: p50" in headings
    assert "Latency, ms: p99" not in headings


def test_losses_show_gains_with_a_plus(report: Report) -> None:
    rows = {tuple(row.cells[:2]): row.cells for row in tables.losses_table(report).rows}

    assert rows["distilled-int8", "host-onnx"][2:] == [
        "99.30%",
        "\N{MINUS SIGN}2.40",
        "\N{MINUS SIGN}0.10",
        "+0.10",
        "96.90%",
    ]


def test_parity_steps_are_all_there(report: Report) -> None:
    for section in target_sections(report):
        steps = sum(len(found.parity.steps) for found in section.measurements if found.parity)
        assert len(tables.parity_table(section).rows) == steps > 0


def test_undelegated_operators_are_counted_by_name(report: Report) -> None:
    onnx = target_sections(report)[2]
    table = tables.correctness_table(onnx)
    int4 = dict(zip(_headings(table), table.rows[-1].cells, strict=True))

    assert int4["Preflight: Delegated"] == "6 of 9"
    assert int4["Preflight: Undelegated"] == "DequantizeLinear 3"
    assert int4["Preflight: Float fallbacks"] == "Conv 2, Gemm 1"
    assert table.notes == [
        "int4 holds the weights only: the convolutions compute in float (distilled-int4)"
    ]


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

    assert verdict_line(against) == (
        "Distillation was not shown to be worth it: +0.10 points "
        "(95% interval \N{MINUS SIGN}0.40 to +0.60) against the same student trained from scratch."
    )
