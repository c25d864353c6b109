"""Writes what docs/controls.md says of each framework from reports/controls.toml: `python -m tests.support.controls_page`."""

from __future__ import annotations

from reports import controls
from reports.markdown import cell
from tests.support.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "controls.md"
BEGIN, END = "<!-- written by python -m tests.support.controls_page -->\n", "<!-- end -->\n"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """A Markdown table; its cells are Markdown already."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def rest_of_page() -> str:
    """What stands between the two marks of the page."""
    lines = [""]
    lines += table(
        ("what", "slot of the plan"),
        [(cell(each.what), f"`{each.slot}`" if each.slot else "–") for each in controls.NOT_EVIDENCED],
    )
    lines += ["These look as if a drill supported them, and it does not:", ""]
    names = {each.id: each.name for each in controls.mapping().frameworks}
    lines += table(
        ("framework", "control", "why not"),
        [(cell(names[each.framework]), cell(each.id), cell(each.why)) for each in controls.mapping().unsupported],
    )
    lines += ["## The controls", ""]
    for framework in controls.mapping().frameworks:
        lines += [f"### {framework.name}", "", f"Keep evidence: {cell(framework.retention)}.", ""]
        rows: list[tuple[str, ...]] = [
            (
                f"[{cell(each.id)}]({each.source})",
                cell(each.asks),
                each.degree,
                cell(each.covers),
                cell(", ".join(each.ran) or "–"),
                cell(", ".join(each.met) or "–"),
                str(each.checked or "not verified"),
            )
            for each in framework.controls
        ]
        lines += table(("control", "asks", "degree", "covers", "judged", "met", "read"), rows)
    return "\n".join(lines)


def page() -> str:
    """The page as it should be."""
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return head + BEGIN + rest_of_page() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
