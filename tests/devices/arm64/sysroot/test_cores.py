"""The CPU that a guest reads about is the one that QEMU emulates."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgekd.devices.arm64.sysroot import known_cores
from edgekd.devices.arm64.sysroot.cores import find_core, write_cpu_files
from edgekd.errors import BadInput

# Bits of AT_HWCAP in their order: Linux, arch/arm64/include/uapi/asm/hwcap.h.
HWCAP = (
    *("fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp"),
    *("asimdhp", "cpuid", "asimdrdm", "jscvt", "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4"),
    *("asimddp", "sha512", "sve", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs", "sb"),
    *("paca", "pacg"),
)
# What the core says of itself, and what a program reads about it.
_PROBE = r"""
#include <stdio.h>
#include <sys/auxv.h>
int main(void) {
    unsigned long midr;
    char line[4096];
    FILE *file = fopen("/proc/cpuinfo", "r");
    __asm__("mrs %0, midr_el1" : "=r"(midr));
    printf("%lx %lx\n", midr, getauxval(AT_HWCAP));
    while (file && fgets(line, sizeof line, file)) fputs(line, stdout);
    file = fopen("/sys/devices/system/cpu/present", "r");
    if (file && fgets(line, sizeof line, file)) printf("present %s", line);
    return 0;
}
"""


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("probe") / "probe"
    subprocess.run(
        ["aarch64-linux-gnu-g++", "-x", "c++", "-static", "-o", program, "-"],
        input=_PROBE,
        text=True,
        check=True,
    )
    return program


@pytest.mark.parametrize("name", known_cores())
def test_the_files_describe_the_emulated_core(name: str, probe: Path, tmp_path: Path) -> None:
    core = find_core(name)
    write_cpu_files(core, tmp_path)
    told = subprocess.run(
        ["qemu-aarch64", "-cpu", name, "-L", tmp_path, probe],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    midr, capabilities = (int(word, 16) for word in told[0].split())
    assert midr == core.midr
    assert [word for bit, word in enumerate(HWCAP) if capabilities >> bit & 1] == list(
        core.features
    )
    described = dict(line.split(":", 1) for line in told[1:] if ":" in line)
    read = {key.strip(): value.strip() for key, value in described.items()}
    assert read["Features"].split() == list(core.features)
    assert int(read["CPU implementer"], 16) == midr >> 24
    assert int(read["CPU variant"], 16) == midr >> 20 & 0xF
    assert int(read["CPU part"], 16) == midr >> 4 & 0xFFF
    assert int(read["CPU revision"]) == midr & 0xF
    assert [line for line in told if line.startswith("processor")] == ["processor\t: 0"]
    assert told[-1] == "present 0"


def test_dot_products_are_what_tells_the_cores_apart() -> None:
    assert "asimddp" in find_core("cortex-a76").features
    assert "asimddp" not in find_core("cortex-a53").features


def test_max_is_refused() -> None:
    with pytest.raises(BadInput, match="no core 'max'"):
        find_core("max")
