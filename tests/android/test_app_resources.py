"""The app's resources: texts, layouts and colours, and what code says of them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.android.toolchain import DEMO, sources

MAIN = DEMO / "app" / "src" / "main"
RES = MAIN / "res"
ANDROID = "{http://schemas.android.com/apk/res/android}"
TEXT_VIEWS = {"TextView", "Button", "CheckBox", "EditText"}
PLACEHOLDER = re.compile(r"%(\d+)\$([sd])")
# On top of what: read by the least contrast that WCAG 2 asks of text (level AA).
TEXT_ON = [
    *(("text", ground) for ground in ("background", "surface")),
    *(("text_quiet", ground) for ground in ("background", "surface", "track")),
    *(("problem", ground) for ground in ("background", "surface")),
    *(("accent", "surface"), ("on_accent", "accent"), ("ink", "paper")),
]


def elements(*folders: str) -> Iterator[tuple[Path, ElementTree.Element]]:
    """Every element of the files in these folders of resources."""
    for folder in folders:
        for file in sorted((RES / folder).glob("*.xml")):
            for element in ElementTree.parse(file).iter():
                yield file, element


def style_of(name: str) -> dict[str, str]:
    """The items of an own style and of those that it is made from."""
    found: dict[str, str] = {}
    for _, style in elements("values"):
        if style.tag == "style" and (name + ".").startswith(style.get("name", "") + "."):
            found |= {str(item.get("name")): item.text or "" for item in style}
    return found


def attribute(element: ElementTree.Element, name: str) -> str | None:
    """An attribute of a view, its style asked as well."""
    own = element.get(ANDROID + name)
    style = element.get("style", "")
    if own is None and style.startswith("@style/"):
        return style_of(style.removeprefix("@style/")).get(f"android:{name}")
    return own


def colours(folder: str) -> dict[str, str]:
    return {
        str(one.get("name")): one.text or "" for _, one in elements(folder) if one.tag == "color"
    }


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance of ``#RRGGBB``."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def texts() -> dict[str, list[str]]:
    """Each string and plural, with all its forms."""
    found: dict[str, list[str]] = {}
    for _, one in elements("values"):
        if one.tag == "string":
            found[str(one.get("name"))] = [one.text or ""]
        if one.tag == "plurals":
            found[str(one.get("name"))] = [item.text or "" for item in one]
    return found


def code() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sources(MAIN))


def test_every_resource_that_is_named_is_there_and_every_text_is_used() -> None:
    xml = [path.read_text(encoding="utf-8") for path in MAIN.rglob("*.xml")]
    named = set(re.findall(r"\bR\.(?:string|plurals)\.(\w+)", code()))
    for text in xml:
        named |= set(re.findall(r"@string/(\w+)", text))
    assert named == set(texts())


def test_forms_of_a_text_take_the_same_values() -> None:
    for name, forms in texts().items():
        taken = {tuple(sorted(set(PLACEHOLDER.findall(form)))) for form in forms}
        assert len(taken) == 1, name
        numbers = [int(number) for number, _ in taken.pop()]
        assert numbers == list(range(1, len(numbers) + 1)), name
        assert not any(re.search(r"%(?!\d+\$)", form) for form in forms), name


def test_code_gives_each_text_as_many_values_as_it_takes() -> None:
    found = re.findall(r"getString\(\s*R\.string\.(\w+)(,?)\s*", code())
    assert len(found) > 10
    for name, comma in found:
        takes = bool(PLACEHOLDER.search(texts()[name][0]))
        assert takes == bool(comma), name


def test_no_text_is_written_outside_of_the_resources() -> None:
    shown = (
        r"(?:\.text = |\.contentDescription = |\bsetText\(|\bsay\(|announceForAccessibility\()\""
    )
    assert not re.findall(shown, code())
    for file, element in elements("layout"):
        for name in ("text", "hint", "contentDescription", "label"):
            value = element.get(ANDROID + name)
            assert value is None or value.startswith("@string/"), file.name


def test_text_grows_with_the_users_size() -> None:
    sizes = {
        str(one.get("name")): one.text or "" for _, one in elements("values") if one.tag == "dimen"
    }
    for name, size in sizes.items():
        assert size.endswith("sp" if name.startswith("text_") else "dp"), name
    for file, element in elements("layout"):
        if element.tag in TEXT_VIEWS:
            size = attribute(element, "textSize") or ""
            # A check box, whose style is the platform's, names its size itself.
            assert size.startswith("@dimen/text_"), (file.name, element.attrib)
            height = attribute(element, "layout_height")
            assert height in ("wrap_content", "match_parent"), file.name
            assert attribute(element, "maxLines") is None, file.name


def test_whoever_listens_is_told_what_each_view_is() -> None:
    told = {"dev.edgekd.demo.input.PictureView", "dev.edgekd.demo.input.DrawingView"}
    seen = set()
    for file, element in elements("layout"):
        seen.add(element.tag)
        if element.tag in told:
            assert element.get(f"{ANDROID}contentDescription"), file.name
        if element.tag == "ProgressBar":
            # The row around it says the same in words.
            assert element.get(f"{ANDROID}importantForAccessibility") == "no", file.name
        if element.tag == "EditText":
            field = (element.get(f"{ANDROID}id") or "").removeprefix("@+id/")
            labels = [one.get(f"{ANDROID}labelFor") for _, one in elements("layout")]
            assert f"@id/{field}" in labels
    assert seen >= {*told, *TEXT_VIEWS, "ProgressBar"}


def test_answers_and_problems_are_announced() -> None:
    live = {
        (element.get(f"{ANDROID}id") or "").removeprefix("@+id/")
        for _, element in elements("layout")
        if element.get(f"{ANDROID}accessibilityLiveRegion")
    }
    assert live >= {"message", "comparison", "side_answer", "side_problem"}


def test_nothing_is_said_into_the_microphone() -> None:
    record = next(
        element for _, element in elements("layout") if element.get(f"{ANDROID}id") == "@+id/record"
    )
    assert record.get(f"{ANDROID}accessibilityLiveRegion") is None
    # Else its text, which changes while it records, would be spoken.
    assert record.get(f"{ANDROID}contentDescription") == "@string/record_spoken"


def test_what_is_touched_is_large_enough() -> None:
    assert '<dimen name="touch_least">48dp</dimen>' in (RES / "values/dimens.xml").read_text()
    for file, element in elements("layout"):
        if element.tag in {"Button", "CheckBox", "EditText"}:
            assert attribute(element, "minHeight") == "@dimen/touch_least", file.name


def test_nothing_is_left_or_right() -> None:
    sides = re.compile(r"(?:Left|Right)(?:$|Of)|(?:^|\|)(?:left|right)(?:\||$)")
    for file, element in elements("layout"):
        for name, value in element.attrib.items():
            assert not sides.search(name), (file.name, name)
            assert not sides.search(value), (file.name, value)


def test_every_colour_has_one_of_the_night() -> None:
    assert set(colours("values")) == set(colours("values-night"))
    for _, element in elements("layout", "drawable"):
        assert not [value for value in element.attrib.values() if value.startswith("#")]


@pytest.mark.parametrize("folder", ["values", "values-night"])
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_text_can_be_read(folder: str, text: str, ground: str) -> None:
    shades = sorted(luminance(colours(folder)[name]) for name in (text, ground))
    assert (shades[1] + 0.05) / (shades[0] + 0.05) >= 4.5
