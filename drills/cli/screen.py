"""What several commands print alike: severities in their colours, and text that cannot write over the screen."""

from __future__ import annotations

from rich.text import Text

STYLES = {"error": "bold red", "warning": "yellow", "information": "dim"}


def printable(text: str) -> Text:
    """Return text for the terminal in which no name of a database can write over anything."""
    return Text("".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text))
