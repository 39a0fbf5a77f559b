"""What is in a package: its manifest by aapt, its code by dexdump."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.android.toolchain import run_tool

_CLASS = re.compile(r"  Class descriptor  : 'L(.+);'")
_SUPER = re.compile(r"  Superclass        : 'L(.+);'")
_INTERFACE = re.compile(r"    #\d+ +: 'L(.+);'")
_METHOD = re.compile(r"      name          : '(.+)'")
_STRING = re.compile(r"\bconst-string(?:/jumbo)? v\d+, \"(.*)\" // string@")
_CALL = re.compile(r"\binvoke-\S+ \{.*\}, (L\S+;\.\S+:)")
_ELEMENT = re.compile(r"( *)E: (\S+) ")
_ATTRIBUTE = re.compile(r"( *)A: (?:\S+?:)?(\w+)(?:\(0x[0-9a-f]+\))?=(?:\(type.*\)(\S+)|\"(.*?)\")")


@dataclass
class Element:
    """One element of a manifest; names and values without namespaces."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)

    def all(self, *names: str) -> Iterator[Element]:
        """Every element below this one with one of these names."""
        for child in self.children:
            if child.name in names:
                yield child
            yield from child.all(*names)


def read_manifest(package: Path) -> Element:
    """The binary manifest as Android reads it; a flag that is set has the value ``0xffffffff``."""
    text = run_tool(["aapt", "dump", "xmltree", package, "AndroidManifest.xml"])
    open_: list[tuple[int, Element]] = [(-1, Element("document"))]
    for line in text.splitlines():
        if found := _ELEMENT.match(line):
            depth, element = len(found[1]), Element(found[2])
            while open_[-1][0] >= depth:
                open_.pop()
            open_[-1][1].children.append(element)
            open_.append((depth, element))
        elif found := _ATTRIBUTE.match(line):
            open_[-1][1].attributes[found[2]] = found[4] if found[3] is None else found[3]
    [manifest] = open_[0][1].children
    return manifest


def read_badging(package: Path) -> dict[str, list[str]]:
    """What a shop would say of it: each key with its values, as they stand."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in run_tool(["aapt", "dump", "badging", package]).splitlines():
        key, _, value = line.partition(":")
        found[key].append(value.strip())
    return found


@dataclass
class DexClass:
    """A class of the dex.

    Attributes:
        parents: its superclass and interfaces.
        strings: literals in its code, by method.
        calls: methods that its code calls: ``java/io/PrintStream.println``.
    """

    parents: list[str] = field(default_factory=list)
    strings: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    calls: set[str] = field(default_factory=set)


def read_dex(package: Path) -> dict[str, DexClass]:
    """Every class of a package's dex, by its name: ``dev/edgekd/demo/MainActivity``."""
    classes: dict[str, DexClass] = {}
    current, method = DexClass(), ""
    for line in run_tool(["dexdump", "-d", package]).splitlines():
        if found := _CLASS.match(line):
            current = classes.setdefault(found[1], DexClass())
        elif found := _SUPER.match(line) or _INTERFACE.match(line):
            current.parents.append(found[1])
        elif found := _METHOD.match(line):
            method = found[1]
        elif found := _STRING.search(line):
            current.strings[method].add(found[1])
        elif found := _CALL.search(line):
            current.calls.add(found[1][1:-1].replace(";.", "."))
    return classes
