from __future__ import annotations

from edgekd.pipeline.ladders import plan_run
from edgekd.pipeline.plan import plan_stages
from edgekd.pipeline.plan.variants import SharedStages, needed_for
from edgekd.pipeline.stage import Stage


def lay_in(shared: SharedStages, *overrides: str) -> dict[str, str]:
    setup = plan_run("digits", overrides=[*overrides, "seeds=[0]"])
    return shared.add(plan_stages(setup, "distill"), {"settings": list(overrides)})


def names_of(shared: SharedStages, part: str) -> list[str]:
    return [stage.name for stage in shared.stages if stage.name.endswith(part)]


def test_the_temperature_shares_teacher_and_control() -> None:
    shared = SharedStages()
    lay_in(shared)
    hot = lay_in(shared, "distill.temperature=8.0")
    assert names_of(shared, "teacher/outputs") == ["teacher/outputs"]
    assert names_of(shared, "scratch-fp32/seed-0") == ["rungs/scratch-fp32/seed-0"]
    assert len(names_of(shared, "distilled-fp32/seed-0")) == 2
    assert hot["rungs/distilled-fp32/seed-0"].startswith("points/")
    stage = next(s for s in shared.stages if s.name == hot["tuning/distilled/choice"])
    assert stage.aliases["tuning/distilled/rate-0.01"] == hot["tuning/distilled/rate-0.01"]


def test_a_setting_shares_as_much_as_it_can() -> None:
    shared = SharedStages()
    lay_in(shared)
    # The teacher trains on mixed views too; another student or other signals leave it alone.
    lay_in(shared, "student.arguments.first=4")
    lay_in(shared, "distill.signals=[{kind: hint, teacher: '0', student: '0'}]")
    lay_in(shared, "augmentation.mixup=0.2")
    assert len(names_of(shared, "teacher/network")) == 2
    assert len(names_of(shared, "teacher/outputs")) == 3


def test_the_same_setting_twice_adds_nothing() -> None:
    shared = SharedStages()
    first = lay_in(shared)
    count = len(shared.stages)
    assert lay_in(shared) == first
    assert len(shared.stages) == count


def test_needs_come_first_and_names_differ() -> None:
    shared = SharedStages()
    for rate in ("0.01", "0.02", "0.03"):
        lay_in(shared, f"distill.learning_rates=[{rate}]", f"distill.alpha={rate}")
    seen: set[str] = set()
    for stage in shared.stages:
        assert stage.name not in seen
        assert set(stage.needs) <= seen
        seen.add(stage.name)


def test_only_what_is_needed_is_kept() -> None:
    stages = [
        Stage("a", "m:f"),
        Stage("b", "m:f", needs=("a",)),
        Stage("c", "m:f"),
        Stage("d", "m:f", needs=("b",)),
    ]
    assert [stage.name for stage in needed_for(stages, ["d"])] == ["a", "b", "d"]
