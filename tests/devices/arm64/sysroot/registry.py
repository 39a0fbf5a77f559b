"""Small package registries in a folder: real Debian packages and wheels, for the real clients."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

from edgekd.devices.arm64.sysroot.pins import DebianPin, Pins, WheelPin
from edgekd.files import sha256_of

PLATFORM = "manylinux_2_17_aarch64"


class Registry:
    """A Debian archive and a folder of wheels.

    Args:
        folder: that they are made in.
        signed: whether apt may trust the archive.
    """

    def __init__(self, folder: Path, *, signed: bool = True) -> None:
        """Both are empty."""
        self.debian = folder / "debian"
        self.wheels = folder / "wheels"
        self._work = folder / "work"
        self._stanzas: list[str] = []
        self.debian.mkdir(parents=True)
        self.wheels.mkdir()
        option = "[trusted=yes] " if signed else ""
        sources = folder / "sources.list"
        sources.write_text(f"deb {option}file:{self.debian} ./\n")
        self.hook_ran = folder / "hook-ran"
        self.apt_configuration = folder / "apt.conf"
        self.apt_configuration.write_text(
            f'Dir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "/dev/null";\n'
            f'APT::Update::Post-Invoke {{ "touch {self.hook_ran}"; }};\n'
        )
        (self.debian / "Packages").touch()

    def environment(self) -> dict[str, str]:
        """Sends apt and pip here."""
        return {
            "APT_CONFIG": str(self.apt_configuration),
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_INDEX": "1",
        }

    def add_package(self, name: str, version: str, files: dict[str, str]) -> DebianPin:
        """Build a package of arm64 and list it."""
        folder = self._work / f"{name}-{version}"
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: arm64\n"
            "Maintainer: nobody <nobody@example.org>\nDescription: for a test\n Version: 0\n"
        )
        (folder / "DEBIAN").mkdir(parents=True, exist_ok=True)
        (folder / "DEBIAN" / "control").write_text(control)
        package = self.debian / f"{name}_{version}_arm64.deb"
        subprocess.run(
            ["dpkg-deb", "--build", "--root-owner-group", folder, package],
            check=True,
            capture_output=True,
        )
        pin = DebianPin(version=version, sha256=sha256_of(package))
        self._stanzas.append(
            f"{control}Filename: ./{package.name}\nSize: {package.stat().st_size}\n"
            f"SHA256: {pin.sha256}\n\n"
        )
        (self.debian / "Packages").write_text("".join(self._stanzas))
        return pin

    def replace_package(self, name: str, version: str, files: dict[str, str]) -> DebianPin:
        """As a point release does: the earlier version is gone."""
        self._stanzas = [text for text in self._stanzas if f"Package: {name}\n" not in text]
        return self.add_package(name, version, files)

    def add_wheel(self, name: str, version: str, text: str = "") -> WheelPin:
        """Make a wheel with one module."""
        module = name.replace("-", "_")
        about = f"{module}-{version}.dist-info"
        path = self.wheels / f"{module}-{version}-cp311-cp311-{PLATFORM}.whl"
        files = {
            f"{module}/__init__.py": text,
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{about}/WHEEL": f"Wheel-Version: 1.0\nTag: cp311-cp311-{PLATFORM}\n",
            f"{about}/RECORD": "",
        }
        with zipfile.ZipFile(path, "w") as archive:
            for file, content in files.items():
                archive.writestr(file, content)
        return WheelPin(version=version, platform=PLATFORM, sha256=sha256_of(path))


def small_pins(registry: Registry) -> Pins:
    """Two runtimes of one wheel each, and a C library and Python that they share."""
    return Pins(
        debian={
            "small-libc": registry.add_package("small-libc", "1.0", {"lib/libsmall.so": "library"}),
            "small-python": registry.add_package(
                "small-python", "1:3.11", {"usr/bin/python3.11": "python"}
            ),
        },
        wheels={
            "small-litert": registry.add_wheel("small-litert", "2.0"),
            "small-onnx": registry.add_wheel("small-onnx", "3.0"),
        },
        runtimes={"litert": ("small-litert",), "onnx": ("small-onnx",)},
    )
