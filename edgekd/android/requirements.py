"""What building the app needs on this machine: a JDK, the Android SDK, Gradle."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekd.errors import MissingPackage

JDK_MAJOR = 17
COMPILE_SDK = 35
# What version 8.12 of the Android Gradle plugin needs.
BUILD_TOOLS_MAJOR = 35
GRADLE = (8, 13)
_ASKING_SECONDS = 60


@dataclass(frozen=True)
class Found:
    """Where a part is; or what is missing of it, each with how to get it."""

    path: Path | None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tools:
    """What a build uses.

    Attributes:
        gradle: the program.
        environment: in which it runs: it names the JDK and the SDK that were found.
    """

    gradle: Path
    environment: Mapping[str, str]


def find_tools(project: Path) -> Tools:
    """The tools of this machine.

    Args:
        project: of the app; its ``local.properties`` may name the SDK.

    Raises:
        MissingPackage: something is missing; the message names all of it.
    """
    environment = dict(os.environ)
    jdk = _find_jdk()
    if jdk.path is not None:
        environment["JAVA_HOME"] = str(jdk.path)
    sdk = _find_sdk(project)
    if sdk.path is not None:
        # Gradle stops where this one names another folder.
        environment.pop("ANDROID_SDK_ROOT", None)
        environment["ANDROID_HOME"] = str(sdk.path)
    gradle = _find_gradle(project, environment)
    missing = [*jdk.missing, *sdk.missing, *gradle.missing]
    if missing or gradle.path is None:
        raise MissingPackage(f"the app cannot be built here; missing: {'; '.join(missing)}")
    return Tools(gradle.path, environment)


def _find_jdk() -> Found:
    """The home of a JDK: ``$JAVA_HOME``, or that of ``javac`` on the search path."""
    mend = f"apt-get install openjdk-{JDK_MAJOR}-jdk-headless, or set JAVA_HOME to one"
    wanted = os.environ.get("JAVA_HOME")
    compiler = str(Path(wanted, "bin", "javac")) if wanted else shutil.which("javac")
    if compiler is None or shutil.which(compiler) is None:
        where = f" (JAVA_HOME is {wanted}, which has no bin/javac)" if wanted else ""
        return Found(None, (f"a JDK {JDK_MAJOR} or newer{where}: {mend}",))
    told = _first_match([compiler, "-version"], r"^javac (?:1\.)?(\d+)")
    if told is None or int(told[1]) < JDK_MAJOR:
        found = f"{compiler} is {told[1]}" if told else f"{compiler} does not tell its version"
        return Found(None, (f"a JDK {JDK_MAJOR} or newer ({found}): {mend}",))
    # On the search path there is often a link to it.
    return Found(Path(compiler).resolve().parent.parent)


def _find_sdk(project: Path) -> Found:
    """The Android SDK: where ``local.properties`` says, else the environment, as Gradle has it."""
    named = {
        "local.properties": _sdk_in(project / "local.properties"),
        "ANDROID_HOME": os.environ.get("ANDROID_HOME"),
        "ANDROID_SDK_ROOT": os.environ.get("ANDROID_SDK_ROOT"),
    }
    source, folder = next(((name, one) for name, one in named.items() if one), ("", ""))
    if not folder or not Path(folder).is_dir():
        found = f" ({source} names {folder}, which is no folder)" if folder else ""
        mend = "install the command line tools of developer.android.com/studio and set ANDROID_HOME"
        return Found(None, (f"the Android SDK{found}: {mend}",))
    sdk = Path(folder)
    lacking = []
    if not (sdk / f"platforms/android-{COMPILE_SDK}/android.jar").is_file():
        lacking.append(f"platforms;android-{COMPILE_SDK}")
    if not any(_is_new(path) for path in sdk.glob("build-tools/*")):
        lacking.append(f"build-tools;{BUILD_TOOLS_MAJOR}.0.0")
    return Found(sdk, tuple(f'{one} in {sdk}: sdkmanager "{one}"' for one in lacking))


def _is_new(build_tools: Path) -> bool:
    major = build_tools.name.partition(".")[0]
    return major.isdigit() and int(major) >= BUILD_TOOLS_MAJOR and (build_tools / "aapt2").is_file()


def _sdk_in(properties: Path) -> str | None:
    """``sdk.dir`` of a properties file, where a backslash makes the next character plain."""
    if not properties.is_file():
        return None
    text = properties.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^[ \t]*sdk\.dir[ \t]*[=:][ \t]*(.+?)[ \t]*$", text, re.MULTILINE)
    return None if found is None else re.sub(r"\\(.)", r"\1", found[1])


def _find_gradle(project: Path, environment: Mapping[str, str]) -> Found:
    """The project's wrapper where it is whole, else ``gradle`` on the search path."""
    wrapper = project / "gradlew"
    if wrapper.is_file() and (project / "gradle/wrapper/gradle-wrapper.jar").is_file():
        return Found(wrapper)
    wanted = ".".join(map(str, GRADLE))
    mend = "install it from gradle.org, or open the project in Android Studio, which brings its own"
    program = shutil.which("gradle")
    if program is None:
        return Found(None, (f"Gradle {wanted} or newer: {mend}",))
    told = _first_match([program, "--version"], r"^Gradle (\d+)\.(\d+)", environment)
    if told is None or (int(told[1]), int(told[2])) < GRADLE:
        found = f"is {told[1]}.{told[2]}" if told else "does not tell its version"
        return Found(None, (f"Gradle {wanted} or newer ({program} {found}): {mend}",))
    return Found(Path(program))


def _first_match(
    command: Sequence[str], pattern: str, environment: Mapping[str, str] | None = None
) -> re.Match[str] | None:
    """What a program says of its version, on either output."""
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASKING_SECONDS,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return re.search(pattern, f"{answer.stdout}\n{answer.stderr}", re.MULTILINE)
