"""What the look at the built site finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import site


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A site of two pages without a fault."""
    (tmp_path / "own.css").write_text("a { background: url(picture.svg) }", encoding="utf-8")
    (tmp_path / "b.html").write_text("<article><h1 id=top>b</h1></article>", encoding="utf-8")
    page = "<link href=own.css><a href='https://example.com'>out</a><article><a href='b.html#top'>b</a></article>"
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    return tmp_path


def faults(built: Path) -> list[str]:
    """What is wrong with it, without a comparison with the documents."""
    pages = {path: site.Page(path.read_text(encoding="utf-8")) for path in sorted(built.rglob("*.html"))}
    return [*site.loads(built, pages), *site.leads_nowhere(built, pages)]


def test_a_link_to_the_web_is_no_fault(built: Path) -> None:
    """Links may lead out; nothing may be loaded from there."""
    assert faults(built) == []


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("<script src='https://example.com/a.js'></script>", "a.html: loads https://example.com/a.js"),
        ("<link rel=stylesheet href='//example.com/a.css'>", "a.html: loads //example.com/a.css"),
        ("<img src='http://example.com/a.png'>", "a.html: loads http://example.com/a.png"),
        ("<a href='c.html'>c</a>", "a.html: c.html leads nowhere"),
        ("<a href='b.html#bottom'>b</a>", "a.html: b.html#bottom: no such heading"),
        ("<a href='#bottom'>here</a>", "a.html: #bottom: no such heading"),
    ],
)
def test_what_is_wrong_with_a_page_is_named(built: Path, more: str, found: str) -> None:
    """Each with the page and the address."""
    with (built / "a.html").open("a", encoding="utf-8") as page:
        page.write(more)

    assert faults(built) == [found]


def test_what_a_style_sheet_loads_is_named(built: Path) -> None:
    """Fonts and pictures come in this way too."""
    (built / "own.css").write_text("@import url('https://example.com/font.css');", encoding="utf-8")

    assert faults(built) == ["own.css: loads https://example.com/font.css"]


def test_the_parts_of_an_article_are_counted_and_no_others() -> None:
    """The theme's frame has lists of its own; code in a block is one part with it."""
    page = site.Page("<ul></ul><article><pre><code>a</code></pre><p><code>b</code></p><ul><li></ul></article><hr>")

    assert page.parts == {"pre": 1, "code": 1, "ul": 1, "li": 1}
