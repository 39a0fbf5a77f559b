"""Android's native libraries, as they are changed to run here."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from edgekd.errors import BadInput
from tests.android.host.bionic import ANDROID_ONLY, RENAMED, port
from tests.android.host_runtime import SHIM, native_libraries
from tests.android.toolchain import need, pieces


@pytest.fixture(scope="module")
def libraries() -> list[Path]:
    return [path for path in sorted(native_libraries().glob("*.so")) if path.name != SHIM]


def test_every_library_is_there(libraries: list[Path]) -> None:
    assert [path.name for path in libraries] == [
        "libc++_shared.so",
        "libexecutorch.so",
        "libfbjni.so",
        "libonnxruntime.so",
        "libonnxruntime4j_jni.so",
    ]


def test_nothing_of_bionic_is_asked_for(libraries: list[Path]) -> None:
    for path in libraries:
        with path.open("rb") as file:
            elf = ELFFile(file)
            tags = list(elf.get_section_by_name(".dynamic").iter_tags())
            needed = {tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"}
            symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())
            imports = {one.name for one in symbols if one["st_shndx"] == "SHN_UNDEF"}
        assert not needed & ANDROID_ONLY
        assert not imports & RENAMED
        assert not {tag.entry.d_tag for tag in tags} & {"DT_VERNEED", "DT_VERSYM", "DT_VERDEF"}


def test_the_shim_has_what_the_libraries_lack(libraries: list[Path]) -> None:
    """``ld.so`` binds every symbol of every library at once, in a process of its own."""
    folder = native_libraries()
    # A program of this system that does nothing; the libraries come with it.
    done = subprocess.run(
        ["/bin/true"],
        env={
            "LD_PRELOAD": ":".join(map(str, [folder / SHIM, *libraries])),
            "LD_LIBRARY_PATH": str(folder),
            "LD_BIND_NOW": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_shim_speaks_bionic() -> None:
    shim = ctypes.CDLL(str(native_libraries() / SHIM))
    page, processors, unknown = 0x27, 0x61, 0x7777
    assert shim.Sysconf(page) == ctypes.CDLL(None).getpagesize()
    assert shim.Sysconf(processors) >= 1
    assert shim.Sysconf(unknown) == -1
    signals = (ctypes.c_uint64 * 2)(0, 0)
    shim.Sigfillset(signals)
    assert list(signals) == [2**64 - 1, 0]
    text = ctypes.create_string_buffer(64)
    assert shim.Strerror_r(2, text, len(text)) == 0
    assert text.value == b"No such file or directory"


def test_what_is_no_library_of_android_is_refused(tmp_path: Path) -> None:
    need("fbjni")
    content = bytearray((pieces().fbjni_libraries / "libfbjni.so").read_bytes())
    # The machine: another one.
    content[18] = 183
    other = tmp_path / "other.so"
    other.write_bytes(content)
    with pytest.raises(BadInput, match="shared library of 64-bit x86"):
        port(other, tmp_path / "made.so")
    other.write_bytes(b"no library at all")
    with pytest.raises(BadInput, match="shared library of 64-bit x86"):
        port(other, tmp_path / "made.so")
