"""Where a figure comes from: only figures of one origin may share a column or a chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from edgekd.records import DeviceFacts, Kind, Measurement


@dataclass(frozen=True)
class Origin:
    """How figures were made.

    Attributes:
        stand_in: a stand-in for a phone answered, and no phone.
        phone: its maker, model and chip, where it told them; milliseconds of two phones cannot be
            held against each other.
    """

    kind: Kind
    stand_in: bool = False
    phone: str = ""

    @property
    def text(self) -> str:
        """As it stands beside every figure."""
        return f"{self.kind}, STAND-IN" if self.stand_in else self.kind


def origin_of(found: Measurement) -> Origin:
    """The origin of all figures of a measurement."""
    facts = found.device_facts
    if facts is None:
        return Origin(found.kind)
    return Origin(found.kind, facts.stand_in, phone_name(facts))


def phone_name(facts: DeviceFacts) -> str:
    """``Google Pixel 8 (Tensor G3)``; empty where the phone does not tell."""
    words = [facts.manufacturer or "", facts.model or ""]
    if words[0] and words[1].casefold().startswith(words[0].casefold()):
        words[0] = ""
    name = " ".join(word for word in words if word)
    if facts.soc and name:
        return f"{name} ({facts.soc})"
    return facts.soc or name


def origins(measurements: Sequence[Measurement]) -> list[Origin]:
    """The origins that these have, by kind in the order of its type."""
    found = dict.fromkeys(origin_of(measurement) for measurement in measurements)
    return sorted(found, key=lambda origin: get_args(Kind).index(origin.kind))
