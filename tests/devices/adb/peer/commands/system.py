"""Commands that show or set the state of the phone.

The texts are those of the Android Open Source Project's services (``BatteryService``,
``ThermalManagerService``, ``PowerManagerService`` and their shell commands), shortened.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.devices.adb.peer.process import Failed, Process

_NO_SERVICE = 20
_STAY_ON = {"true": "7", "false": "0", "ac": "1", "usb": "2", "wireless": "4"}
_PLUG_TYPES = {"": 0, "ac": 1, "usb": 2, "wireless": 4}
_WAKE = {"KEYCODE_WAKEUP", "224"}
_SLEEP = {"KEYCODE_SLEEP", "223"}


def _getprop(process: Process) -> int:
    properties = process.phone.state.properties
    match process.arguments[1:]:
        case []:
            process.say(*(f"[{name}]: [{value}]" for name, value in sorted(properties.items())))
        case [name, *default]:
            process.say(properties.get(name, default[0] if default else ""))
    return 0


def _getconf(process: Process) -> int:
    if process.arguments[1:] not in (["PAGESIZE"], ["PAGE_SIZE"]):
        raise Failed(f"getconf: unknown variable {' '.join(process.arguments[1:])}")
    process.say(str(process.phone.state.page_bytes))
    return 0


def _settings(process: Process) -> int:
    settings = process.phone.state.settings
    match process.arguments[1:]:
        case ["get", space, key] if space in settings:
            process.say(settings[space].get(key, "null"))
        case ["put", space, key, value] if space in settings:
            settings[space][key] = value
        case ["delete", space, key] if space in settings:
            process.say(f"Deleted {int(settings[space].pop(key, None) is not None)} rows")
        case _:
            raise Failed("Invalid namespace or command", 255)
    return 0


def _svc(process: Process) -> int:
    match process.arguments[1:]:
        case ["power", "stayon", value] if value in _STAY_ON:
            process.phone.state.settings["global"]["stay_on_while_plugged_in"] = _STAY_ON[value]
            process.phone.state.screen_on |= value == "true"
        case _:
            raise Failed("usage: svc power stayon [true|false|usb|ac|wireless]")
    return 0


def _input(process: Process) -> int:
    state = process.phone.state
    match process.arguments[1:]:
        case ["keyevent", key] if key in _WAKE:
            state.screen_on = True
        case ["keyevent", key] if key in _SLEEP:
            state.screen_on = False
        case _:
            raise Failed("Error: the stand-in knows no such input", 255)
    return 0


def _wm(process: Process) -> int:
    if process.arguments[1:] != ["dismiss-keyguard"]:
        raise Failed("Error: the stand-in knows no such command", 255)
    return 0


def _cmd(process: Process) -> int:
    state = process.phone.state
    match process.arguments[1:]:
        case ["power", "set-fixed-performance-mode-enabled", ("true" | "false") as value]:
            if not state.has_fixed_performance:
                process.complain("Failed to set FIXED_PERFORMANCE mode")
                why = "This is likely because Power HAL AIDL is not implemented on this device"
                return process.complain(why, 255)
            state.fixed_performance = value == "true"
        case _:
            raise Failed(
                f"cmd: Can't find service: {' '.join(process.arguments[1:2])}", _NO_SERVICE
            )
    return 0


def _battery(process: Process) -> int:
    battery = process.phone.state.battery
    powered = {name: str(battery.plugged == name).lower() for name in ("ac", "usb", "wireless")}
    process.say(
        "Current Battery Service state:",
        f"  AC powered: {powered['ac']}",
        f"  USB powered: {powered['usb']}",
        f"  Wireless powered: {powered['wireless']}",
        "  Max charging current: 500000",
        f"  status: {2 if battery.plugged else 3}",
        "  health: 2",
        "  present: true",
        f"  level: {battery.percent}",
        "  scale: 100",
        "  voltage: 4100",
        f"  temperature: {round(battery.celsius * 10)}",
        "  technology: Li-ion",
    )
    return 0


def _thermal(process: Process) -> int:
    status = process.phone.state.thermal_status
    if status is None:
        raise Failed("Can't find service: thermalservice", _NO_SERVICE)
    celsius = 30.0 + 5 * status
    skin = f"Temperature{{mValue={celsius}, mType=3, mName=skin, mStatus={status}}}"
    process.say(
        "IsStatusOverride: false",
        "ThermalEventListeners:",
        "\tcallbacks: 1",
        f"Thermal Status: {status}",
        "Cached temperatures:",
        f"\t{skin}",
        "HAL Ready: true",
        "Current temperatures from HAL:",
        f"\t{skin}",
    )
    return 0


def _power(process: Process) -> int:
    state = process.phone.state
    stay_on = state.settings["global"].get("stay_on_while_plugged_in", "0") != "0"
    process.say(
        "POWER MANAGER (dumpsys power)",
        "",
        "Power Manager State:",
        f"  mWakefulness={'Awake' if state.screen_on else 'Asleep'}",
        f"  mIsPowered={str(bool(state.battery.plugged)).lower()}",
        f"  mPlugType={_PLUG_TYPES[state.battery.plugged]}",
        f"  mBatteryLevel={state.battery.percent}",
        f"  mStayOn={str(stay_on and bool(state.battery.plugged)).lower()}",
        f"Display Power: state={'ON' if state.screen_on else 'OFF'}",
    )
    return 0


_SERVICES = {"battery": _battery, "thermalservice": _thermal, "power": _power}


def _dumpsys(process: Process) -> int:
    name = " ".join(process.arguments[1:])
    if name not in _SERVICES:
        # The status is 0 all the same, as dumpsys has it.
        process.say(f"Can't find service: {name}")
        return 0
    return _SERVICES[name](process)


COMMANDS: dict[str, Callable[[Process], int]] = {
    "getprop": _getprop,
    "getconf": _getconf,
    "settings": _settings,
    "svc": _svc,
    "input": _input,
    "wm": _wm,
    "cmd": _cmd,
    "dumpsys": _dumpsys,
}
