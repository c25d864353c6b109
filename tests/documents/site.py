"""Looks at the built site: `python -m tests.documents.site build/site`, as the end of `tox -e site`.

Nothing on it is loaded from a network, each link leads to a page and a heading of it, and each page has the parts that a forge
shows of the same file: the site's Markdown is Python-Markdown, the forge's is CommonMark with tables.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

from docs.site.layout import CHECKOUT, MAP, for_site, site_path

_PARTS = (
    "h1",
    "h2",
    "h3",
    "h4",
    "ul",
    "ol",
    "li",
    "table",
    "tr",
    "td",
    "pre",
    "code",
    "strong",
    "em",
    "blockquote",
    "img",
    "hr",
)
_LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
_WEB = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)


class Page(HTMLParser):
    """One HTML page: what it loads, where it leads, its anchors, and the parts of its article."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.parts: Counter[str] = Counter()
        self._inside = "<article" not in text  # of the theme's frame, or a page without one
        self._pre = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count a tag and note its addresses."""
        found = dict(attrs)
        if name := found.get("id") or found.get("name"):
            self.anchors.add(name)
        if tag == "article":
            self._inside = True
        if address := found.get(_LOADED.get(tag, "")):
            self.loaded.append(address)
        if tag == "a" and (address := found.get("href")):
            self.links.append(address)
        if self._inside and tag in _PARTS and not (tag == "code" and self._pre):
            self.parts[tag] += 1
        self._pre = tag == "pre" or (self._pre and tag != "code")

    def handle_endtag(self, tag: str) -> None:
        """Leave the article."""
        if tag == "article":
            self._inside = False


def loads(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield what a page or a style sheet would load from a network."""
    for path, page in pages.items():
        yield from (f"{path.relative_to(site)}: loads {each}" for each in page.loaded if _WEB.match(each))
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        for each in re.findall(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)", text):
            yield f"{sheet.relative_to(site)}: loads {each}"


def leads_nowhere(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield each link within the site whose page, or whose heading, is not there."""
    for path, page in pages.items():
        if path.name == "404.html":  # shown at any address, so that its links begin with /
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{path.relative_to(site)}: {link} leads nowhere"
            elif (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors | {"__skip"}
            ):
                yield f"{path.relative_to(site)}: {link}: no such heading"


def reads_otherwise(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield each document that has other parts on the site than on a forge."""
    commonmark = MarkdownIt("commonmark").enable("table")
    documents = [
        CHECKOUT / "README.md",
        *sorted(CHECKOUT.glob("docs/**/*.md")),
        *sorted(CHECKOUT.glob("infra/**/*.md")),
    ]
    for document in documents:
        path = document.relative_to(CHECKOUT).as_posix()
        built = (site / site_path(path)).with_suffix(".html")
        built = built.with_name("index.html") if built.name == "README.html" and path != MAP else built
        if not built.is_file():
            yield f"{path}: no page of the site"
            continue
        forge = Page(commonmark.render(for_site(document.read_text(encoding="utf-8"), path))).parts
        ours = pages[built.resolve()].parts
        if other := {tag: (forge[tag], ours[tag]) for tag in _PARTS if forge[tag] != ours[tag]}:
            yield f"{path}: other parts on a forge and on the site: {other}"


def main() -> int:
    """Print each fault of the site; 1 where there is one."""
    parser = argparse.ArgumentParser(description="looks at the built documentation")
    parser.add_argument("site", type=Path, help="its folder, such as build/site")
    site: Path = parser.parse_args().site.resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    faults = [*loads(site, pages), *leads_nowhere(site, pages), *reads_otherwise(site, pages)]
    print(*faults, f"{len(pages)} pages in {site}, {len(faults)} faults: open {site / 'index.html'}", sep="\n")
    return 1 if faults or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
