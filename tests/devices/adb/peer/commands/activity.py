"""Commands on apps: start, stop, look."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.devices.adb.peer.application import ACTIVITY, Extra
from tests.devices.adb.peer.process import Failed, Process

_EXTRAS: dict[str, Callable[[str], Extra]] = {
    "--es": str,
    "--ei": int,
    "--el": int,
    "--ef": float,
    "--ez": lambda text: text == "true",
}


def _am(process: Process) -> int:
    match process.arguments[1:]:
        case ["force-stop", package]:
            process.phone.application.stop(package)
            return 0
        case ["start" | "start-activity", *arguments]:
            return _start(process, arguments)
    raise Failed("am: the stand-in knows start and force-stop", 255)


def _start(process: Process, arguments: list[str]) -> int:
    flags, component, extras = _intent(iter(arguments))
    package, _, activity = component.partition("/")
    whole = activity if not activity.startswith(".") else package + activity
    installed = package in process.phone.state.packages and whole == package + ACTIVITY
    if "-S" in flags:
        process.say(f"Stopping: {package}")
        process.phone.application.stop(package)
    process.say(f"Starting: Intent {{ cmp={component} (has extras) }}")
    if not installed:
        # The status is 0 all the same, as many Android versions have it.
        process.complain("Error type 3")
        missing = f"Error: Activity class {{{package}/{whole}}} does not exist."
        return process.complain(missing, 0)
    process.phone.application.start(package, extras)
    if "-W" in flags:
        process.say("Status: ok", "LaunchState: COLD", f"Activity: {component}", "Complete")
    return 0


def _intent(arguments: Iterator[str]) -> tuple[set[str], str, dict[str, Extra]]:
    flags: set[str] = set()
    component, extras = "", {}
    for argument in arguments:
        if argument in ("-W", "-S"):
            flags.add(argument)
        elif argument == "-n":
            component = next(arguments)
        elif argument in _EXTRAS:
            name = next(arguments)
            extras[name] = _EXTRAS[argument](next(arguments))
        else:
            raise Failed(f"Error: Unknown option: {argument}", 255)
    return flags, component, extras


def _pidof(process: Process) -> int:
    running = process.phone.application.running
    if running is None or running not in process.arguments[1:]:
        return 1
    process.say("4242")
    return 0


def _pm(process: Process) -> int:
    packages = process.phone.state.packages
    match process.arguments[1:]:
        case ["path", package] if package in packages:
            process.say(f"package:/data/app/{package}/base.apk")
        case ["path", _]:
            return 1
        case ["list", "packages", *names]:
            found = [name for name in packages if all(part in name for part in names)]
            process.say(*(f"package:{name}" for name in found))
        case _:
            raise Failed("pm: the stand-in knows path and list packages", 255)
    return 0


COMMANDS: dict[str, Callable[[Process], int]] = {"am": _am, "pidof": _pidof, "pm": _pm}
