from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekd.errors import BadInput, RunFailed
from edgekd.files import digest, read_json, replacing, write_json, write_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON))
def test_digest_ignores_key_order(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


def test_digest_tells_values_apart() -> None:
    assert digest({"a": 1}) != digest({"a": "1"})


def test_write_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"x": 1})
    write_json(path, {"x": 2})
    assert read_json(path) == {"x": 2}
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"x": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"x": float("nan")})
    assert read_json(path) == {"x": 1}


def test_what_fails_half_way_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"ne")
            # As numpy says it: without a number of the system's.
            raise OSError("4 requested and 2 written")

    with pytest.raises(RunFailed, match=r"a\.bin: cannot be written: 4 requested and 2 written"):
        write_half()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]
    assert path.read_bytes() == b"old"
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFailed, match="cannot be written"):
        write_text(tmp_path / "file" / "a.json", "x")


def test_wrong_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(BadInput, match="not valid JSON"):
        read_json(path)
    path.write_text("[" * 100_000)
    with pytest.raises(BadInput, match="not valid JSON"):
        read_json(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_json(tmp_path / "none.json")
