"""The reference pages are made from the code; tests/house/test_docs.py compares them."""

from __future__ import annotations

import json
import re

from docs.site import reference
from drills.cli import main as cli
from drills.config.schema import SCHEMA_FILE
from tests.documents import pages


def test_no_other_page_lies_beside_them() -> None:
    """What is written by hand stands in docs/ itself."""
    assert {each.name for each in reference.FOLDER.iterdir()} == set(reference.PAGES)


def test_each_command_and_each_option_has_its_place() -> None:
    """Parts of commands too, such as `drills evidence keygen`, and what help says of an option stands whole."""
    page = reference.commands()

    assert {f"drills {name}" for name in cli.COMMANDS} < set(re.findall(r"^## `(.+)`$", page, re.MULTILINE))
    assert "## `drills evidence keygen`" in page
    assert "| `--seed FILE-or-URL` | sandbox: your own data instead of the sample application |" in page
    assert "| `-o`, `--output FILE` | the private key (default: drill.pem) |" in page


def test_the_codes_of_a_command_stand_beside_those_of_its_parts() -> None:
    """`drills restore` does something by itself, with codes of its own; `drills evidence` does not."""
    page = reference.exit_codes()

    assert "| [`drills restore`](commands.md#drills-restore) | 0 restored and verified; " in page
    assert "| [`drills restore end`](commands.md#drills-restore-end) | 0 done; " in page
    assert "[`drills evidence`]" not in page


def test_each_example_of_help_is_accepted() -> None:
    """What `--help` shows can be typed: each call of `drills` in an example is parsed, without the words behind it."""
    count = 0
    for name, parser in reference.parsers():
        example = (parser.epilog or "").partition("exit codes:")[0].replace("\\\n", " ")
        for line in re.findall(r"^  (\S.*)$", example, re.MULTILINE):
            call = re.split(r"\s{2,}(?!-)", re.sub(r"\s+--", " --", line))[0]
            for arguments in pages.called(pages.Command(name, 0, call, {})):
                cli.parse(cli._split(arguments)[0])
                count += 1
    assert count > 100


def test_each_table_and_each_key_has_its_place() -> None:
    """Tables below tables and lists of tables too; the page names every key of the schema."""
    page = reference.configuration()
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    keys = {key for each in schema["definitions"].values() for key in each.get("properties", {})}

    assert {f"`{key}`" for key in keys} <= set(re.findall(r"^\| (`\w+`) \|", page, re.MULTILINE))
    assert "## `[targets.NAME.restore]`" in page
    assert "## `[[targets.NAME.queries]]`" in page
    assert "| `rto` | duration |" in page
    assert "[Explained here](../configuration.md#targetsnamerestore)." in page


def test_text_of_the_code_is_shown_as_it_is() -> None:
    """No bar ends a cell, no bracket begins a link, and code stays code."""
    assert reference.plain("one | two [x] *a* <b>\n `c*|d`") == r"one \| two \[x\] \*a\* \<b> `c*\|d`"
