"""Kotlin's and Java's compilers and the JVM, each as a function of files."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from edgekd.files import sha256_of
from tests.android.toolchain.kept import BuildFailed, content_of, keep
from tests.android.toolchain.pieces import need, pieces
from tests.conftest import ROOT
from tools.android.pins import shipped_pins

# Class files of Java 8 without invokedynamic, which is what dx can turn into Android's.
# Of Gradle's compiler in the app's catalog: what this newer one knows beyond it is refused.
KOTLIN_LANGUAGE = "2.2"
KOTLIN_FLAGS = (
    *("-language-version", KOTLIN_LANGUAGE, "-api-version", KOTLIN_LANGUAGE),
    *("-jvm-target", "1.8", "-Xlambdas=class", "-Xsam-conversions=class"),
    *("-Xstring-concat=inline", "-Werror"),
)
# One short run: nothing is gained by optimizing or by collecting garbage in parallel.
_JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xss2m")
# Without a word on an archive that does not fit: the JVM then does without.
_KOTLINC_JVM = ("java", *_JVM, "-Xmx768m", "-Xlog:disable", "-Xlog:all=error:stderr")
_TRAINING = Path(__file__).with_name("Training.kt")
# What is compiled otherwise is compiled again.
_RECIPE = sha256_of(Path(__file__))
_SECONDS = 240
_JAR_TIME = (1980, 1, 1, 0, 0, 0)


def compile_kotlin(
    name: str,
    sources: Sequence[Path],
    classpath: Sequence[Path] = (),
    *,
    friends: Sequence[Path] = (),
    flags: Sequence[str] = KOTLIN_FLAGS,
) -> Path:
    """Compile Kotlin sources into a jar; any warning is an error.

    Args:
        name: of the jar, without ``.jar``; each name belongs to one set of sources.
        sources: ``.kt`` files.
        classpath: the first of two classes with one name wins; Kotlin's own library need not be
            named.
        friends: those of the class path whose ``internal`` parts may be used.
        flags: of the compiler.

    Raises:
        BuildFailed: the compiler's messages.
    """
    need("kotlin", "openjdk-17-jdk-headless")
    assert sources, f"{name} has no sources"
    key = [
        _RECIPE,
        shipped_pins().npm["kotlin"].integrity,
        flags,
        content_of(ROOT, sorted(sources)),
        [content_of(ROOT, [jar]) for jar in classpath],
        [jar.name for jar in friends],
    ]
    arguments = ["-module-name", name, *flags]
    if classpath:
        arguments += ["-cp", os.pathsep.join(map(str, classpath))]
    if friends:
        arguments.append(f"-Xfriend-paths={','.join(map(str, friends))}")
    arguments += map(str, sorted(sources))
    return keep(f"{name}.jar", key, lambda made: _kotlinc(["-d", str(made), *arguments]))


def compile_java(
    name: str, sources: Sequence[Path], classpath: Sequence[Path] = (), *, release: int = 8
) -> Path:
    """Compile Java sources into a jar; any warning is an error.

    Args:
        name: of the jar, without ``.jar``; each name belongs to one set of sources.
        sources: ``.java`` files.
        classpath: jars.
        release: of Java, for the language, the library and the class files.

    Raises:
        BuildFailed: the compiler's messages.
    """
    need("openjdk-17-jdk-headless")
    assert sources, f"{name} has no sources"
    key = [
        _RECIPE,
        java_version(),
        release,
        content_of(ROOT, sorted(sources)),
        [content_of(ROOT, [jar]) for jar in classpath],
    ]

    def build(made: Path) -> None:
        classes = made.with_suffix(".classes")
        command = ["javac", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC", "-proc:none"]
        command += [
            "--release",
            str(release),
            "-Xlint:all,-options,-try",
            "-Werror",
            "-d",
            str(classes),
        ]
        if classpath:
            command += ["-cp", os.pathsep.join(map(str, classpath))]
        run_tool([*command, *map(str, sorted(sources))])
        write_jar(classes, made)
        shutil.rmtree(classes)

    return keep(f"{name}.jar", key, build)


def run_java(
    main: str,
    classpath: Sequence[Path],
    arguments: Sequence[str | Path] = (),
    *,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    timeout: float = _SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run a class's ``main`` in a JVM of its own.

    Args:
        main: the class's full name.
        classpath: jars and folders; a Kotlin program needs ``pieces().kotlin_runtime`` too.
        arguments: of the program.
        options: of the JVM; ``-Djava.library.path=...``.
        environment: variables besides this process's own.
        timeout: seconds.
    """
    need("openjdk-17-jdk-headless")
    path = os.pathsep.join(map(str, classpath))
    return subprocess.run(
        [*java_command(), *options, "-cp", path, main, *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        env={**os.environ, **(environment or {})},
        check=False,
    )


def java_command() -> list[str]:
    """The JVM for a short run."""
    return ["java", *_JVM]


@cache
def java_version() -> str:
    """What the JDK says that it is."""
    done = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True)
    return done.stderr


def _kotlinc(arguments: Sequence[str]) -> None:
    archive = f"-XX:SharedArchiveFile={_compiler_archive()}"
    run_tool([*_KOTLINC_JVM, archive, *_kotlinc_program(), *arguments])


def _compiler_archive() -> Path:
    """The compiler's own classes as the JVM lays them out after a first run: half of its time."""

    def build(made: Path) -> None:
        classes = made.with_suffix(".jar")
        archive = f"-XX:ArchiveClassesAtExit={made}"
        sources = ["-d", str(classes), *KOTLIN_FLAGS, str(_TRAINING)]
        run_tool([*_KOTLINC_JVM, archive, *_kotlinc_program(), *sources])
        classes.unlink()

    key = [java_version(), _KOTLINC_JVM, _kotlinc_program(), content_of(ROOT, [_TRAINING])]
    return keep("kotlinc.jsa", key, build)


def _kotlinc_program() -> list[str]:
    classpath = os.pathsep.join(map(str, pieces().kotlin_compiler))
    main = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
    return ["-cp", classpath, main, "-kotlin-home", str(pieces().kotlin)]


def run_tool(command: Sequence[str | Path]) -> str:
    """Run a program on files; what it printed.

    Raises:
        BuildFailed: it ended with exit status 1, and said this.
    """
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode == 1:
        raise BuildFailed((done.stderr + done.stdout).strip())
    # Killed, or out of memory: that says nothing of the sources.
    assert done.returncode == 0, f"{command[0]} {done.returncode}: {done.stderr}"
    return done.stdout


def write_jar(folder: Path, jar: Path) -> None:
    """Put class files into a jar; the same bytes for the same classes."""
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _JAR_TIME)
            archive.writestr(name, file.read_bytes())
