"""How pages of the site lead to each other, to the checkout and to the web."""

from __future__ import annotations

import pytest

from docs.site import layout


@pytest.mark.parametrize(
    ("page", "link", "there"),
    [
        ("docs/own-database.md", "configuration.md#kind-aws", "configuration.md#kind-aws"),
        ("docs/own-database.md", "../README.md#what-you-see", "index.md#what-you-see"),
        ("docs/own-database.md", "../infra/iam/README.md", "checkout/infra/iam/README.md"),
        ("docs/own-database.md", "../infra/iam/posture.json", "checkout/infra/iam/posture.json.md"),
        ("docs/own-database.md", "../invariants", "checkout/invariants.md"),
        ("docs/reference/commands.md", "../evidence.md", "../evidence.md"),
        ("README.md", "docs/images/report.png", "images/report.png"),
        ("README.md", "docs/README.md", "pages.md"),
        ("infra/iam/README.md", "../../docs/safety.md", "../../../safety.md"),
        ("infra/iam/README.md", "drill.json", "drill.json.md"),
        ("docs/safety.md", "#two-runs-at-once", "#two-runs-at-once"),
        ("docs/safety.md", "https://docs.getmoto.org/", "https://docs.getmoto.org/"),
    ],
)
def test_a_link_leads_to_the_same_thing_on_the_site(page: str, link: str, there: str) -> None:
    """The site has docs/ at its root, README.md as its first page, and the rest of the checkout below `checkout/`."""
    assert layout.for_site(f"see [it]({link}), or [![a picture]({link})]({link})", page) == (
        f"see [it]({there}), or [![a picture]({there})]({there})\n"
    )


def test_a_link_that_names_its_page_gets_the_title() -> None:
    """A forge shows files, and the site pages; a text of one's own stays."""
    assert layout.for_site("[sandbox.md](sandbox.md#a) and [it](sandbox.md)", "docs/a.md") == (
        "[The sandbox](sandbox.md#a) and [it](sandbox.md)\n"
    )
    assert layout.for_site("[docs/gate.md](docs/gate.md)", "CHANGELOG.md") == "[The gate](../gate.md)\n"


def test_what_is_in_a_fence_is_left_as_it_is() -> None:
    """Code is no link, and the markers of `tox -e docs` are for nobody who reads the site."""
    text = "<!-- exits with 2 -->\n```toml\n[a](../README.md)\n```\n[a](../README.md)\n"

    assert layout.for_site(text, "docs/a.md") == "```toml\n[a](../README.md)\n```\n[a](index.md)\n"


def test_what_is_linked_outside_of_docs_becomes_a_page() -> None:
    """Documents as they are, code as a listing, and what these documents link in their turn."""
    found = layout.elsewhere()

    assert found["README.md"].startswith("# ")
    assert "```json" in found["infra/iam/posture.json"]
    assert "## `" in found["invariants"]
    assert not [path for path in found if path.startswith("docs/") and path != layout.MAP]
