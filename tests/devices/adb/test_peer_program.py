"""ARM64 programs that are pushed to the stand-in, run on an emulated core."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.devices.adb.peer import Phone
from tests.devices.adb.peer.client import call_adb

REMOTE = "/data/local/tmp/program"
SOURCE = r"""
#include <stdio.h>
#include <sys/auxv.h>

int main(int count, char **arguments) {
    char data[16];
    printf("%d %d\n", count, !!(getauxval(AT_HWCAP) & (1 << 20)));
    fflush(stdout);
    size_t size = fread(data, 1, sizeof data, stdin);
    FILE *file = fopen(arguments[1], "w");
    if (!file) return 1;
    fwrite(data, 1, size, file);
    fclose(file);
    fprintf(stderr, "done");
    return 42;
}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.c").write_text(SOURCE)
    compiler = ["aarch64-linux-gnu-gcc", "-static", "-Os", "-o", "program", "program.c"]
    subprocess.run(compiler, check=True, cwd=folder)
    return folder / "program"


def test_it_runs_and_ends_with_its_status(phone: Phone, program: Path) -> None:
    call_adb("push", program, REMOTE)
    answer = call_adb("shell", f"{REMOTE} /data/local/tmp/out", stdin=b"four")
    # The second number: the emulated core has the dot product instructions.
    assert (answer.returncode, answer.stdout, answer.stderr) == (42, b"2 1\n", b"done")
    assert phone.path("/data/local/tmp/out").read_bytes() == b"four"


def test_it_must_be_executable_and_there(phone: Phone, program: Path) -> None:
    call_adb("push", program, REMOTE)
    assert call_adb("shell", f"chmod 644 {REMOTE}; {REMOTE}").returncode == 126
    assert call_adb("shell", "/data/local/tmp/nothing").returncode == 127


def test_a_program_dies_with_its_connection(phone: Phone, program: Path) -> None:
    call_adb("push", program, REMOTE)
    # It waits for input that never comes.
    command = ["adb", "shell", f"{REMOTE} /data/local/tmp/out"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"2 1\n"
        phone.go_offline()
        running.wait()
    phone.stop()
    assert not phone.path("/data/local/tmp/out").exists()
