"""The run folder that most comparisons begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.comparison.runs import Run


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Run().write(tmp_path_factory.mktemp("base") / "run")
