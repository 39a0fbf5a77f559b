from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edgekd.errors import BadInput, EdgekdError, RunFailed
from edgekd.pipeline.engine import Engine
from edgekd.pipeline.manifest import Manifest, finished_stages, open_run_folder
from edgekd.pipeline.stage import Stage

ACTIONS = "tests.pipeline.actions:"


@dataclass
class Recorder:
    finished_: list[str] = field(default_factory=list)
    reused_: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def started(self, stage: str) -> None: ...
    def advanced(self, stage: str, done: int, total: int) -> None: ...

    def finished(self, stage: str, seconds: float) -> None:
        self.finished_.append(stage)

    def reused(self, stage: str) -> None:
        self.reused_.append(stage)

    def notice(self, text: str) -> None:
        self.notices.append(text)


def manifest() -> Manifest:
    return Manifest(
        recipe="toy", recipe_sha256="", seeds=[0], tools={}, git_commit=None, data_sha256=""
    )


def execute(path: Path, stages: list[Stage], jobs: int = 2) -> Recorder:
    recorder = Recorder()
    with open_run_folder(path, manifest()) as folder:
        folder.forget_all_but({stage.name for stage in stages})
        Engine(folder, recorder, jobs).run(stages)
    return recorder


def write(name: str, value: int, *needs: str) -> Stage:
    return Stage(name, f"{ACTIONS}write", {"value": value, "needs": list(needs)}, needs)


CHAIN = [write("a", 1), write("b/one", 2, "a"), write("b/two", 3, "a"), write("c", 4, "b/one")]


def test_runs_in_order_then_redoes_nothing(tmp_path: Path) -> None:
    first = execute(tmp_path, CHAIN)
    assert sorted(first.finished_) == ["a", "b/one", "b/two", "c"]
    assert (tmp_path / "c" / "value").read_text() == "7"
    second = execute(tmp_path, CHAIN)
    assert second.finished_ == []
    assert len(second.reused_) == 4
    assert not (tmp_path / ".scratch").exists()


def test_only_what_changed_is_redone(tmp_path: Path) -> None:
    execute(tmp_path, CHAIN)
    changed = [CHAIN[0], write("b/one", 20, "a"), *CHAIN[2:]]
    assert sorted(execute(tmp_path, changed).finished_) == ["b/one", "c"]
    assert (tmp_path / "c" / "value").read_text() == "25"


def test_an_equal_result_stops_the_redoing(tmp_path: Path) -> None:
    execute(tmp_path, CHAIN)
    # Another way to the same value: what reads only the value need not be redone.
    same = [replace(CHAIN[0], parameters={"value": 1, "sleep": 0.01}), *CHAIN[1:]]
    assert execute(tmp_path, same).finished_ == ["a"]


def test_a_file_outside_counts_by_content_not_by_place(tmp_path: Path) -> None:
    stage = replace(CHAIN[0], reads={"data": "hash"}, locations={"data": "here"})
    execute(tmp_path, [stage])
    assert execute(tmp_path, [replace(stage, locations={"data": "there"})]).finished_ == []
    assert execute(tmp_path, [replace(stage, reads={"data": "other"})]).finished_ == ["a"]


@pytest.mark.parametrize("damage", ["changed", "missing", "added"])
def test_a_damaged_file_is_noticed_and_redone(tmp_path: Path, damage: str) -> None:
    execute(tmp_path, CHAIN)
    path = tmp_path / "b" / "one" / "value"
    if damage == "changed":
        path.write_text("9")
    elif damage == "missing":
        path.unlink()
    else:
        (path.parent / "stranger").write_text("x")
    recorder = execute(tmp_path, CHAIN)
    assert recorder.finished_ == ["b/one"]
    assert "does not match its hash: b/one is redone" in recorder.notices[0]
    assert path.read_text() == "3"


def test_damage_is_told_once(tmp_path: Path) -> None:
    """Also where the stage has to wait for room."""
    stages = [write(name, 1) for name in ("a", "b", "c", "d")]
    execute(tmp_path, stages)
    for stage in stages:
        (tmp_path / stage.name / "value").unlink()
    recorder = execute(tmp_path, stages, jobs=1)
    assert len(recorder.notices) == 4


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stages": {"../x": {}}}'])
def test_a_damaged_manifest_redoes_everything(tmp_path: Path, text: str) -> None:
    execute(tmp_path, CHAIN)
    (tmp_path / "manifest.json").write_text(text)
    recorder = execute(tmp_path, CHAIN)
    assert len(recorder.finished_) == 4
    assert "is damaged" in recorder.notices[0]


def test_a_manifest_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    execute(run, CHAIN)
    value = json.loads((run / "manifest.json").read_text())
    value["stages"]["../outside"] = value["stages"]["a"]
    (run / "manifest.json").write_text(json.dumps(value))
    execute(run, CHAIN)
    assert (outside / "precious").exists()


def test_a_stage_that_measures_runs_alone(tmp_path: Path) -> None:
    stages = [Stage(f"s{n}", f"{ACTIONS}log_time", {"n": n}, alone=n in (0, 3)) for n in range(5)]
    execute(tmp_path, stages)
    for alone in (0, 3):
        for other in range(5):
            if other != alone:
                assert apart(tmp_path, f"s{alone}", f"s{other}")


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_stage_of_several_threads_counts_as_so_many(tmp_path: Path, jobs: int) -> None:
    threads = [1, 2, 3, 1]
    stages = [
        Stage(f"s{n}", f"{ACTIONS}log_threads", {"n": n}, threads=many)
        for n, many in enumerate(threads)
    ]
    execute(tmp_path, stages, jobs)
    assert [int((tmp_path / f"s{n}" / "threads").read_text()) for n in range(4)] == threads
    for first, second in itertools.combinations(range(4), 2):
        if threads[first] + threads[second] > jobs:
            assert apart(tmp_path, f"s{first}", f"s{second}")


def apart(run: Path, first: str, second: str) -> bool:
    """One of two stages ended before the other began."""
    times = [tuple(map(float, (run / n / "times").read_text().split())) for n in (first, second)]
    (began, ended), (other_began, other_ended) = times
    return ended <= other_began or other_ended <= began


@pytest.mark.parametrize(
    ("action", "kind", "text"),
    [
        ("refuse", BadInput, "here: is wrong (mend it)"),
        ("break_down", RunFailed, "bad: ZeroDivisionError: first line (--debug shows more)"),
        ("die", RunFailed, "bad: its process was killed (out of memory?)"),
        ("fill_disk", RunFailed, "bad: no space left on the disk (free some and run again)"),
    ],
)
def test_a_failure_is_one_line_and_keeps_what_is_done(
    tmp_path: Path, action: str, kind: type[EdgekdError], text: str
) -> None:
    bad = Stage("bad", f"{ACTIONS}{action}", needs=("a",))
    with pytest.raises(kind) as caught:
        execute(tmp_path, [CHAIN[0], bad, write("after", 1, "bad")])
    assert str(caught.value).startswith(text)
    assert not (tmp_path / "bad").exists()
    assert not (tmp_path / "after").exists()
    assert execute(tmp_path, CHAIN).reused_[:1] == ["a"]


def test_a_stage_that_is_gone_is_removed(tmp_path: Path) -> None:
    execute(tmp_path, CHAIN)
    execute(tmp_path, CHAIN[:1])
    assert not (tmp_path / "c").exists()
    assert set(finished_stages(tmp_path).manifest.stages) == {"a"}


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        open_run_folder(tmp_path, manifest()),
        pytest.raises(BadInput, match="another run"),
        open_run_folder(tmp_path, manifest()),
    ):
        raise AssertionError("the second run got the folder")


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(BadInput, match="not a run folder"),
        open_run_folder(tmp_path, manifest()),
    ):
        raise AssertionError("it was opened")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_stages_that_wait_for_each_other_do_not_hang(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="wait for each other"):
        execute(tmp_path, [write("x", 1, "y"), write("y", 1, "x")])
