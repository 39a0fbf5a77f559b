"""Pages and Markdown as their parsers read them, and what may stand in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

HTML = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "div"),
    *("h1", "h2", "h3", "h4", "p", "dl", "dt", "dd", "ul", "ol", "li", "span", "strong", "code"),
    *("figure", "figcaption", "details", "summary"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "small", "nav", "a"),
}
SVG = {"svg", "title", "desc", "g", "path", "defs", "use", "text", "clippath", "rect"}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "id", "aria-labelledby"),
    *("aria-label", "aria-hidden", "role", "tabindex", "scope", "colspan", "rowspan", "style"),
    *("title", "viewbox", "xmlns", "d", "clip-path", "x", "y", "width", "height", "transform"),
    "href",
}
MARKDOWN = {
    *("inline", "text", "text_special", "softbreak", "hr"),
    *("heading", "paragraph", "bullet_list", "ordered_list", "list_item", "strong"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


class Page(HTMLParser):
    """Tags, attributes and the text of each element, as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.headings: list[tuple[int, str]] = []
        self.rows: list[tuple[int, list[tuple[str, dict[str, str]]]]] = []
        self.tables = 0
        self.captions = 0
        self._heading = 0
        self._text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.tags.add(tag)
        self.attributes += found.items()
        self.tables += tag == "table"
        self.captions += tag == "caption"
        if re.fullmatch("h[1-6]", tag):
            self._heading, self._text = int(tag[1]), ""
        if tag == "tr":
            self.rows.append((self.tables, []))
        if tag in ("th", "td"):
            self.rows[-1][1].append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((self._heading, " ".join(self._text.split())))

    def handle_data(self, data: str) -> None:
        self._text += data


def parse_markdown(text: str) -> list[Token]:
    """Tokens as GitHub's parser would have them."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return parser.parse(text)


def kinds_of_markdown(tokens: list[Token]) -> set[str]:
    """What the text is made of, to be held against ``MARKDOWN``."""
    seen = {token.type for token in tokens}
    seen |= {child.type for token in tokens for child in token.children or []}
    return {kind.removesuffix("_open").removesuffix("_close") for kind in seen}


class _Tables(HTMLParser):
    """The text of every cell, its own and that of what stands small beneath it apart."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[tuple[str, str]]]] = []
        self._own, self._small = "", ""
        self._in_small = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._own, self._small = "", ""
        elif tag == "small":
            self._in_small = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.tables[-1][-1].append((self._own.strip(), self._small.strip()))
        elif tag == "small":
            self._in_small = False

    def handle_data(self, data: str) -> None:
        if self._in_small:
            self._small += data
        else:
            self._own += data


def tables_of_html(text: str) -> list[list[list[tuple[str, str]]]]:
    """Tables, rows, cells: the text of each cell, and what stands small beneath it."""
    parser = _Tables()
    parser.feed(text)
    parser.close()
    return parser.tables


def tables_of_markdown(text: str) -> list[list[list[str]]]:
    """Tables, rows, cells."""
    tables: list[list[list[str]]] = []
    inside = False
    for token in parse_markdown(text):
        if token.type == "table_open":
            tables.append([])
            inside = True
        elif token.type == "table_close":
            inside = False
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and inside:
            tables[-1][-1].append(words(token))
    return tables


def words(token: Token) -> str:
    """The text of a token without its markup."""
    return "".join(child.content for child in token.children or [])


def cells(text: str) -> list[list[str]]:
    """Rows of all tables."""
    rows: list[list[str]] = []
    for token in parse_markdown(text):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline" and token.level >= 4 and rows:
            rows[-1].append(words(token))
    return rows
