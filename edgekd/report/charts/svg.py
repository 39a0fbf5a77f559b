"""From a matplotlib figure to an SVG that lives inside a page.

The page's own colours are used through CSS variables, so that one chart serves light and dark;
text stays text. The same figure always gives the same string.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from edgekd.errors import MissingPackage
from edgekd.report.units import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SERIES = 8
FONT_PIXELS = 12

_VARIABLES = ("ink", "muted", "line", "card", "good", "bad")
_NAMES = (*_VARIABLES, *(f"series-{index}" for index in range(SERIES)))
# matplotlib knows no CSS variables: each is drawn in a stand-in colour that nothing else has.
COLOURS = {name: f"#fe01{index:02x}" for index, name in enumerate(_NAMES)}

_STAND_IN = re.compile("|".join(COLOURS.values()))
_CSS = {colour: f"var(--{name})" for name, colour in COLOURS.items()}
# matplotlib's family is only what it measured with; the page's own is inherited.
_FONT_FAMILY = re.compile(r"font-family: [^;]*;? ?")
_FONT_SHORTHAND = re.compile(r"font: (\d+px) [^;]*")
_REFERENCE = re.compile(r"^(?:url\()?#([^)]+)\)?$")
# At 72 dots per inch matplotlib's points are CSS pixels.
_DOTS_PER_INCH = 72

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "edgekd",
    # Names come from the user: "$" is a character, not mathematics.
    "text.parse_math": False,
    "font.size": FONT_PIXELS,
    "figure.dpi": _DOTS_PER_INCH,
    "text.color": COLOURS["ink"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.edgecolor": COLOURS["line"],
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLOURS["line"],
    "grid.linewidth": 0.8,
    "xtick.color": COLOURS["line"],
    "ytick.color": COLOURS["line"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["muted"],
    "xtick.labelsize": FONT_PIXELS - 1,
    "ytick.labelsize": FONT_PIXELS - 1,
    "xtick.minor.size": 0,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


@contextmanager
def chart_style() -> Iterator[None]:
    """matplotlib as the charts need it, whatever the user's own settings are.

    Raises:
        MissingPackage: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingPackage(
            "matplotlib is not installed", mend='pip install "edgekd[report]"'
        ) from error
    with matplotlib.rc_context(), warnings.catch_warnings():
        # About scripts that the measuring font lacks: the reader's own font draws them.
        warnings.simplefilter("ignore", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in CSS pixels. Call it inside ``chart_style``."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / _DOTS_PER_INCH, height / _DOTS_PER_INCH))
    FigureCanvasSVG(figure)
    return figure


def inline_svg(
    figure: Figure, name: str, title: str, description: str, tooltips: Mapping[str, str]
) -> str:
    """The figure as one ``<svg>`` element. Call it inside ``chart_style``.

    Args:
        figure: made by ``new_figure``.
        name: unique in the page; every id inside starts with it.
        title: what the chart is, for readers who cannot see it.
        description: what it shows, in one sentence.
        tooltips: text shown when the pointer rests on the artist of that ``gid``.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _drop_namespaces(root)
    # Its style sheet would apply to the whole page, and its metadata names the tool.
    for element in [*root.findall("metadata"), *root.findall("defs")]:
        if element.tag == "metadata" or element.find("style") is not None:
            root.remove(element)
    for element in root.iter():
        if element.get("id") in tooltips:
            _add_text(element, "title", tooltips[element.attrib["id"]])
        _use_page_style(element)
    _rename_ids(root, name)
    _describe(root, name, title, description)
    return ElementTree.tostring(root, encoding="unicode")


def _drop_namespaces(root: ElementTree.Element) -> None:
    # HTML knows SVG's elements by name; prefixes would only be noise.
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for key in list(element.attrib):
            local = key.rpartition("}")[2]
            if local != key:
                element.set(local, element.attrib.pop(key))


def _use_page_style(element: ElementTree.Element) -> None:
    style = element.get("style")
    if style is not None:
        style = _FONT_SHORTHAND.sub(r"font-size: \1", _FONT_FAMILY.sub("", style))
        element.set("style", _STAND_IN.sub(lambda found: _CSS[found.group()], style))


def _rename_ids(root: ElementTree.Element, name: str) -> None:
    """Keep only ids that something refers to, and make them unique in the page."""
    renamed: dict[str, str] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            found = _REFERENCE.match(value)
            if found and key in ("href", "clip-path"):
                new = renamed.setdefault(found.group(1), f"{name}-{len(renamed)}")
                element.set(key, value.replace(found.group(1), new))
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in renamed:
            element.set("id", renamed[old])


def _describe(root: ElementTree.Element, name: str, title: str, description: str) -> None:
    for attribute in ("version", "width", "height"):
        root.attrib.pop(attribute, None)
    root.set("xmlns", "http://www.w3.org/2000/svg")
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    _add_text(root, "desc", description).set("id", f"{name}-desc")
    _add_text(root, "title", title).set("id", f"{name}-title")


def _add_text(parent: ElementTree.Element, tag: str, text: str) -> ElementTree.Element:
    element = ElementTree.Element(tag)
    element.text = clean(text)
    parent.insert(0, element)
    return element
