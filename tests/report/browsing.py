"""Pages in a real browser: how it is started, what a page did, what is wrong with its charts."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}

# Text of a chart that leaves its picture, or lies on other text, in CSS pixels.
BAD_TEXT = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map(node => {
        const box = node.getBoundingClientRect();
        return {text: node.textContent, left: box.left, right: box.right,
                top: box.top + box.height * 0.2, bottom: box.bottom - box.height * 0.2};
    });
    const clipped = texts.filter(t => t.left < frame.left - 1 || t.right > frame.right + 1
        || t.top < frame.top - 1 || t.bottom > frame.bottom + 1);
    const covered = texts.filter((a, i) => texts.slice(i + 1).some(b =>
        a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
    return frame.width ? [...clipped, ...covered].map(t => t.text) : [];
})"""
SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll('svg')]
    .filter(svg => svg.getBoundingClientRect().width)
    .map(svg => 11 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width))"""


SCROLLS_SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


class Visit:
    """One page as it was opened, and all that it did."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        page.goto(path.as_uri())


def open_details(page: Page) -> None:
    """Show all that is folded away."""
    page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true })")
