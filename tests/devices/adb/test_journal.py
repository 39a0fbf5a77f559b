"""A journal gives back exactly what was written whole, to who measures the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekd.devices.adb.condition import Condition
from edgekd.devices.adb.journal import Entry, open_journal
from edgekd.devices.adb.result import parse_result
from tests.devices.adb.test_result import BASE, RUN, encoded

pytestmark = pytest.mark.usefixtures("own_cache")

KEY, OTHER = "a" * 64, "b" * 64
LOOK = Condition(thermal_status=0, battery_percent=80)
ENTRIES = [
    Entry(result=parse_result(encoded(BASE), RUN), before=LOOK, after=LOOK, reasons=reasons)
    for reasons in ([], ["throttled"], [])
]


def written(key: str = KEY) -> Path:
    journal = open_journal(key, resume=False)
    for entry in ENTRIES:
        journal.add(entry)
    return journal.path


def test_what_was_written_comes_back() -> None:
    written()
    assert open_journal(KEY, resume=True).entries == ENTRIES
    assert open_journal(KEY, resume=True).entries == ENTRIES, "opening it changes nothing"


def test_a_fresh_start_forgets() -> None:
    written()
    assert not open_journal(KEY, resume=False).entries
    assert not open_journal(KEY, resume=True).entries


def test_a_finished_one_is_gone() -> None:
    path = written()
    open_journal(KEY, resume=True).remove()
    assert not path.parent.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.data())
def test_a_line_cut_short_ends_it(data: st.DataObject) -> None:
    path = written()
    content = path.read_bytes()
    length = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:length])
    whole = max(0, content[:length].count(b"\n") - 1)
    journal = open_journal(KEY, resume=True)
    assert journal.entries == ENTRIES[:whole]
    journal.add(ENTRIES[0])
    assert open_journal(KEY, resume=True).entries == [*ENTRIES[:whole], ENTRIES[0]]


def test_that_of_another_artifact_is_never_used() -> None:
    path = written(OTHER)
    own = path.parent.with_name(KEY)
    path.parent.rename(own)
    assert not open_journal(KEY, resume=True).entries


def test_a_line_that_is_no_entry_ends_it() -> None:
    path = written()
    lines = path.read_text().splitlines(keepends=True)
    lines[2] = json.dumps({"result": 1}) + "\n"
    path.write_text("".join(lines))
    assert open_journal(KEY, resume=True).entries == ENTRIES[:1]
