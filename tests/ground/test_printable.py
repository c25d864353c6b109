"""What is shown to people cannot write over a screen or a report."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from drills.printable import printable, printable_lines, to_json
from drills.screen import Screen

HOSTILE = {
    "CSI": ("\x1b[2J", "\\x1b[2J"),
    "OSC": ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    "C1": ("\x9b2J", "\\x9b2J"),
    "direction": ("a\u202eb", "a\\u202eb"),
    "no width": ("a\u200bb", "a\\u200bb"),
    "line break": ("a\nb\rc", "a\\nb\\rc"),
    "line separator": ("a\u2028b", "a\\u2028b"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_moves_the_screen_is_shown_as_an_escape(name: str) -> None:
    """Controls, overrides of direction, characters without width and line breaks are visible."""
    text, shown = HOSTILE[name]
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["Bestellungen für Łódź", "注文", "طلبات", "a \\ b", "≤ 5 m · “x”"])
def test_letters_stay(text: str) -> None:
    """Letters of any script stay as they are."""
    assert printable(text) == text


@given(st.text())
def test_nothing_unprintable_is_left(text: str) -> None:
    """No text leaves anything but printable characters, and lines and tabs where they are kept; again changes nothing."""
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert all(each.isprintable() or each in "\n\t" for each in printable_lines(text))


@given(st.dictionaries(st.text(), st.text() | st.integers()))
def test_json_keeps_the_exact_value(value: dict[str, object]) -> None:
    """JSON says exactly what the value is, in printable characters."""
    text = to_json(value)
    assert json.loads(text) == value
    assert all(each.isprintable() or each == "\n" for each in text)


def test_a_screen_lets_no_control_through() -> None:
    """A console of ours prints a name in a table harmless, although its caller forgot to."""
    out = io.StringIO()
    table = Table("name")
    table.add_row("\x1b]0;title\x07orders")
    console = Screen(file=out, width=80, force_terminal=True)
    console.print(table)
    console.print("\x1b[2Jorders", markup=False)
    assert "\\x1b]0;title" in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()
    assert "\x1b]" not in out.getvalue()


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_closed_pipe_leaves_the_exit_code_alone(option: list[str]) -> None:
    """A reader that goes changes neither the exit code of a command, nor does it leave a traceback; 10 stays 10."""
    argv = [sys.executable, "-m", "drills", "schedule", "cron(0 5 ? * * *)", "--rpo", "1h", *option]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (10, "")
