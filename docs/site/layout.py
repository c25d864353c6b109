"""Where the pages of the site come from, and how they lead to each other. Pure, but for the reading of files.

A page links to its neighbours and to the checkout with relative paths, as the forge follows them. The site has docs/ at its root;
README.md of the checkout is its first page, and what is linked elsewhere in the checkout becomes a page below `checkout/`: other
documents as they are, code as a listing. So a link works in the checkout, on the forge and on the site.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
MAP = "docs/README.md"  # the list of all pages, which is the navigation too
ELSEWHERE = "checkout"  # of the site: the folder of what lies outside of docs/
LEXERS = {
    ".json": "json",
    ".py": "python",
    ".tf": "terraform",
    ".toml": "toml",
    ".yml": "yaml",
    ".yaml": "yaml",
    ".feature": "gherkin",
    ".sql": "postgresql",
}
_LINK = re.compile(r"((?<=\[)[\w./-]+\.md|)\]\(([^)\s]+)\)")  # with its text where that is the name of a page
_ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)]+)\)")
_MARKER = re.compile(r"^<!-- .* -->$")


def site_path(path: str) -> str:
    """Return the address within the site's sources of a file or folder of the checkout. Both are relative, with `/`."""
    if path == "README.md":
        return "index.md"
    if path == MAP:
        return "pages.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{ELSEWHERE}/{path}" if is_document(path) else f"{ELSEWHERE}/{path.rstrip('/')}.md"


def is_document(path: str) -> bool:
    """Whether a file of the checkout is a page as it stands, and no code or folder that is listed on one."""
    return path.endswith(".md")


def prose(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line of a page, and whether it stands outside of fences."""
    fenced = False
    for line in text.splitlines():
        fence = line.startswith("```")
        yield line, not fenced and not fence
        fenced ^= fence


def target_of(link: str, page: str) -> str | None:
    """Return the file or folder of the checkout that a link of a page leads to; None for the page itself and for the web."""
    path = link.partition("#")[0]
    if not path or re.match(r"[a-z]+:", path):
        return None
    return os.path.normpath(PurePosixPath(page).parent / path)


def links(text: str, page: str) -> Iterator[str]:
    """Yield what the links of a page lead to, as `target_of`."""
    for line, outside in prose(text):
        for _, link in _LINK.findall(line) if outside else ():
            if target := target_of(link, page):
                yield target


def for_site(text: str, page: str) -> str:
    """Return a page's Markdown with links as they are on the site, without the markers for `tox -e docs`.

    A link whose text is the name of a page, which is what a forge has, gets the page's title of the navigation.
    """
    here = PurePosixPath(site_path(page)).parent
    names = titles()

    def moved(match: re.Match[str]) -> str:
        target = target_of(match[2], page)
        if target is None:
            return match[0]
        text = (
            names.get(target, match[1]) if match[1].removeprefix("docs/") == target.removeprefix("docs/") else match[1]
        )
        return f"{text}]({os.path.relpath(site_path(target), here)}{''.join(match[2].partition('#')[1:])})"

    lines = (_LINK.sub(moved, line) if outside else line for line, outside in prose(text) if not _MARKER.match(line))
    return "\n".join(lines) + "\n"


def listing(path: str) -> str:
    """Return the page of a file of code, or of a folder with what lies in it."""
    found = CHECKOUT / path
    title = f"---\ntitle: {path}\nsearch: {{exclude: true}}\n---\n\n# `{path}`\n\n"
    if found.is_dir():
        inside = sorted(each for each in found.iterdir() if each.is_file())
        return title + "".join(f"## `{each.name}`\n\n{_fenced(each)}\n" for each in inside)
    return title + _fenced(found)


def _fenced(file: Path) -> str:
    lexer = LEXERS.get(file.suffix, "docker" if file.name == "Dockerfile" else "text")
    return f"````{lexer}\n{file.read_text(encoding='utf-8').rstrip()}\n````\n"


def elsewhere() -> dict[str, str]:
    """Return the pages of the site that are no files of docs/, by their path in the checkout: the Markdown of each.

    Followed from the pages of docs/ and from README.md, also through documents that are found so.
    """
    found: dict[str, str] = {}
    waiting = [
        "README.md",
        MAP,
        *(each.relative_to(CHECKOUT).as_posix() for each in sorted(CHECKOUT.glob("docs/**/*.md"))),
    ]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        document = is_document(path)
        text = (CHECKOUT / path).read_text(encoding="utf-8") if document else ""
        found[path] = for_site(text, path) if document else listing(path)
        waiting += [each for each in links(text, path) if not each.startswith("docs/") and (CHECKOUT / each).exists()]
    return {path: text for path, text in found.items() if not path.startswith("docs/") or path == MAP}


@functools.cache
def titles() -> dict[str, str]:
    """Return the title in the navigation of each page that docs/README.md lists, by its path in the checkout."""
    entries = filter(None, map(_ENTRY.match, (CHECKOUT / MAP).read_text(encoding="utf-8").splitlines()))
    return {str(target_of(entry[2], MAP)): entry[1] for entry in entries}


def navigation() -> list[Any]:
    """Return the nav of mkdocs: the headings of docs/README.md with the pages that each of them lists."""
    nav: list[Any] = [{"Home": "index.md"}]
    for line in (CHECKOUT / MAP).read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            nav.append({line.removeprefix("## "): []})
        elif entry := _ENTRY.match(line):
            (pages,) = nav[-1].values()
            pages.append({entry[1]: site_path(str(target_of(entry[2], MAP)))})
    return [*nav, {"All pages": "pages.md"}]


def anchor(heading: str, separator: str) -> str:
    """Return the anchor of a heading as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)
