"""Artifacts in each format, exported once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from edgekd.language.decoding.contract import LanguageFormat
from tests.language.decoding.small_artifacts import write_artifact


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Callable[[LanguageFormat], Path]:
    """The folder of an artifact, made when it is first asked for; not to be written to."""

    @cache
    def made(format_: LanguageFormat) -> Path:
        return write_artifact(tmp_path_factory.mktemp("language") / format_, format_)

    return made


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
