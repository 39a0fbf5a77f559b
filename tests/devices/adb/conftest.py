"""A phone to test with: a stand-in behind the real ``adb`` client and a server of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.devices.adb.measuring import write_model
from tests.devices.adb.peer import Phone
from tests.devices.adb.peer.client import call_adb, connect
from tests.devices.adb.peer.server import private_server

MakePhone = Callable[..., Phone]


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with private_server(tmp_path_factory.mktemp("adb")) as environment:
        yield environment


@pytest.fixture
def adb_server(_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sees the phones of the tests and no others."""
    for name, value in _server.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)


@pytest.fixture
def make_phone(adb_server: None, tmp_path: Path) -> Iterator[MakePhone]:
    """Makes phones that are connected; takes what :class:`Phone` takes."""
    phones: list[Phone] = []

    def make(**options: object) -> Phone:
        phone = Phone(tmp_path / f"phone{len(phones)}", **options)  # type: ignore[arg-type]
        phones.append(phone)
        connect(phone)
        return phone

    yield make
    # All of them, so that the next test starts with none.
    call_adb("disconnect")
    for phone in phones:
        phone.stop()
    for phone in phones:
        assert not phone.not_understood
        assert not phone.application.problems


@pytest.fixture
def phone(make_phone: MakePhone) -> Phone:
    """One phone, connected."""
    return make_phone()


@pytest.fixture
def own_cache(adb_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that starts empty: the journals of other tests lie in theirs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small model in ONNX."""
    return write_model(tmp_path / "model.onnx")
