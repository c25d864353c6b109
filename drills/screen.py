"""The console that people read: severities in their colours, and nothing from a database that could write over the screen."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from drills.printable import printable as escape
from drills.printable import printable_lines

STYLES = {"error": "bold red", "warning": "yellow", "information": "dim"}


def printable(text: str) -> Text:
    """Return text for the terminal in which no name of a database can write over anything."""
    return Text(escape(text))


class Screen(Console):
    """A console through which no control character passes but its own, whatever a caller has forgotten to make printable."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, with the text of each segment made printable."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable_lines(text), style)

    def on_broken_pipe(self) -> None:
        """Called by rich where it has caught BrokenPipeError: raise it again; rich's own ends the process with 1."""
        raise
