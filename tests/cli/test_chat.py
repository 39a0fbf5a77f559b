"""``edgekd chat`` as somebody at a terminal uses it, and as a script does."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgekd.language.decoding.contract import open_decoder
from edgekd.language.decoding.sampling import generate, greedy
from edgekd.language.decoding.text import open_text
from tests.conftest import ROOT, run_edgekd
from tests.language.decoding.small_artifacts import write_artifact, write_bundle

SECONDS = 120
# Its standard input becomes the terminal whose keys send it signals.
IN_A_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from edgekd.cli import main
main()
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with one rung for two targets: one with a short cache, one without end."""
    folder = tmp_path_factory.mktemp("chat")
    short = write_artifact(folder / "artifacts" / "phone" / "student", "onnx")
    endless = folder / "artifacts" / "server" / "student"
    endless.mkdir(parents=True)
    (endless / "model.onnx").write_bytes((short / "model.onnx").read_bytes())
    write_bundle(endless, "onnx", cache_length=100_000, end_tokens=[])
    return folder


def test_one_prompt_gets_one_answer_and_its_figures(run: Path) -> None:
    rung = run / "student"
    told = run_edgekd(
        *("chat", rung, "--target", "phone", "--prompt", "the cat"),
        *("--temperature", "0", "--tokens", "6"),
    )
    assert told.returncode == 0, told.stderr
    folder = run / "artifacts" / "phone" / "student"
    decoder = open_decoder(folder)
    codec = open_text(folder, decoder.bundle)
    answer = list(generate(decoder, codec.encode("the cat"), greedy, most=6, end_tokens=[1]))
    # It says control characters, which a terminal must not be given.
    text = codec.decode(answer)
    assert not text.isprintable()
    shown = "".join(part if part.isprintable() else "\N{REPLACEMENT CHARACTER}" for part in text)
    assert told.stdout == shown + "\n"
    assert told.stderr.startswith(f"{len(answer)} tokens · first after ")
    assert told.stderr.endswith(" tokens/s\n")


def test_without_a_terminal_each_line_is_a_prompt_and_a_full_cache_is_told(run: Path) -> None:
    command = [sys.executable, "-m", "edgekd", "chat", str(run / "artifacts/phone/student")]
    told = subprocess.run(
        command, input="the cat\n\nthe dog\n", capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert told.returncode == 0, told.stderr
    lines = told.stderr.splitlines()
    assert len(lines) == 2
    assert "the cache is full: the next prompt starts anew" in lines[0]
    assert "the cache was full: the conversation started anew" in lines[1]
    assert "\x1b" not in told.stdout + told.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["student", "--target", "board"], "was not exported for board"),
        (["teacher"], "is no language model of this run"),
        (["student", "--prompt", ""], "there is no token to continue by"),
        (["student", "--prompt", "the cat " * 99], "do not fit"),
        (["student", "--temperature", "-1"], "the temperature -1.0"),
    ],
)
def test_what_cannot_be_answered_is_one_line(run: Path, arguments: list[str], line: str) -> None:
    rung, *options = arguments
    told = run_edgekd("chat", run / rung, *options)
    assert (told.returncode, told.stdout) == (2, "")
    assert line in told.stderr
    assert told.stderr.count("\n") == 1


def test_in_a_terminal_control_c_stops_the_answer_and_control_d_leaves(run: Path) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-c", IN_A_TERMINAL, "chat", str(run / "student")]
    process = subprocess.Popen(
        [*command, "--target", "server", "--tokens", "100000"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=ROOT,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        screen = _read_until(controller, "> ")
        assert "server/student-fp32: onnx, fp32" in screen
        os.write(controller, b"the cat\n")
        # The echo of the prompt, and then some of the answer.
        _read_until(controller, "the cat", more=20)
        os.write(controller, b"\x03")
        screen = _read_until(controller, "> ", after="stopped")
        assert "tokens/s" in screen
        os.write(controller, b"\x04")
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)


def _read_until(controller: int, end: str, *, after: str = "", more: int = 0) -> str:
    """What is on the screen when ``end`` has come behind ``after``, and so many characters more."""
    screen = ""
    limit = time.monotonic() + SECONDS
    while time.monotonic() < limit:
        start = screen.find(after)
        found = -1 if start < 0 else screen.find(end, start + len(after))
        if found >= 0 and len(screen) >= found + len(end) + more:
            return screen
        if select.select([controller], [], [], 1)[0]:
            screen += os.read(controller, 65536).decode(errors="replace")
    raise AssertionError(f"{end!r} did not come: {screen[-500:]!r}")
