"""What the report's drawings share: their frame, with a title and a description to be read aloud, and their colours.

Within a page the colours come from its style sheet through classes, so that light, dark and print each have their own. A
drawing that stands alone, in the PDF and in Allure, brings its own colours and white paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal

WIDTHS = {"wide": 1000.0, "narrow": 400.0, "alone": 1000.0}
Form = Literal["wide", "narrow", "alone"]
ALONE = """\
text { font: 14px system-ui, "DejaVu Sans", "Libertinus Serif", sans-serif; fill: #59636e; }
.paper { fill: #ffffff; } .axis, .grid, .leader { stroke: #d5dae0; fill: none; } .axis { stroke: #59636e; }
.limit { stroke: #b3261e; stroke-width: 1.6; stroke-dasharray: 5 3; fill: none; }
text.limit { stroke: none; fill: #b3261e; } .median { stroke: #59636e; stroke-dasharray: 1.5 4; }
.way, .size { fill: none; stroke: #8b97a5; stroke-width: 1.4; } .gap { fill: #fff3cd; stroke: #8a5a00; stroke-dasharray: 2 3; }
.good { fill: #1a7f37; stroke: #1a7f37; } .late, .wrong { fill: #b3261e; stroke: #b3261e; }
.absent, .unclean { fill: #8a5a00; stroke: #8a5a00; } .mark { stroke-width: 1.8; } .mark.absent, .mark.none { fill: none; }
text.value { fill: #1b1f24; font-weight: 700; stroke: none; } text.stamp { fill: #8a5a00; font-weight: 700; }
.phase { stroke: #ffffff; stroke-width: 0.6; } .phase.rta { fill: #0b62c4; } .phase.other { fill: #b4bcc6; }
.phase.open { fill-opacity: 0.55; } .leader { stroke: #59636e; stroke-width: 0.7; } text.rta { fill: #0b62c4; font-weight: 700; }
.track { fill: #f6f8fa; } .allowed { fill: #dde3ea; } rect.limit { fill: #1b1f24; stroke: none; }
.further { fill: none; stroke: #8a5a00; stroke-width: 1.6; stroke-dasharray: 6 3; }
.actual.met { fill: #1a7f37; } .actual.missed { fill: #b3261e; } .actual.open { fill: #8a5a00; }
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a drawing: its class, its form, and its size in the drawing's own units."""

    name: str
    form: Form
    width: float
    height: float

    def around(self, title: str, description: str, inner: str, attributes: str = "") -> str:
        """The whole drawing. The title names it, the description says in words what it shows."""
        ids = f"{self.name}-{self.form}"
        size = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        if self.form == "alone":
            size += f' xmlns="http://www.w3.org/2000/svg" width="{self.width:g}" height="{self.height:g}"'
            inner = (
                f'<style>{ALONE}</style><rect class="paper" width="{self.width:g}" height="{self.height:g}"/>{inner}'
            )
        return (
            f'<svg class="{self.name.partition("-")[0]} {self.form}" {size}{attributes} role="img" '
            f'aria-labelledby="{ids}-title {ids}-desc"><title id="{ids}-title">{escape(title)}</title>'
            f'<desc id="{ids}-desc">{escape(description)}</desc>{inner}</svg>'
        )


def text(kind: str, x: float, y: float, words: str, anchor: str = "middle") -> str:
    """A text of a drawing."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
