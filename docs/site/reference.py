"""Writes docs/reference/ from the code: `python -m docs.site.reference`. docs/steps.md is made by `drills steps --markdown`."""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.site.layout import CHECKOUT, anchor
from drills.cli import main as cli
from drills.cli.common import EXIT_CODES, Parser
from drills.config.schema import DURATION, SCHEMA_FILE
from drills.errors import MEANINGS

FOLDER = CHECKOUT / "docs" / "reference"
MADE = "Made from the code by `python -m docs.site.reference`; a test compares it."
SEVERAL = (
    "Several at once: 11 goes before 10, before 12, before 13, before 14, and the record lists them all (`all_codes`). After a\n"
    "signal the exit status is tox's own, and the run record holds ours. 1 means that tox itself failed.\n\n"
    "A run that a signal stops, and what else has a record (`drills restore`, `drills validate`), ends in order with these\n"
    "codes. Any other command says in one line what is left, and ends by that signal: a shell shows 130 for Ctrl-C (INT), 143\n"
    "for TERM and 129 for HUP. A second signal waits for nothing."
)


def plain(text: str) -> str:
    """Return a text of the code as Markdown that shows it as it is, also in a cell of a table."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()).replace("|", "\\|"))
    return "".join(part if part.startswith("`") else re.sub(r"([\[\]*<])", r"\\\1", part) for part in parts)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# the command line


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield each command and each part of one, `drills evidence keygen` say, with its parser."""
    for name in cli.COMMANDS:
        Parser.arguments = ()  # as if nothing was typed: a part that was would be loaded alone
        yield from _with_parts(f"drills {name}", _choices(cli.parser_for(name))[name])


def _with_parts(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for part, below in _choices(parser).items():
        yield from _with_parts(f"{name} {part}", below)


def _parts(parser: argparse.ArgumentParser) -> argparse._SubParsersAction[Any] | None:
    return next((each for each in parser._actions if isinstance(each, argparse._SubParsersAction)), None)


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    parts = _parts(parser)
    return dict(parts.choices) if parts else {}


def _is_called_alone(parser: argparse.ArgumentParser) -> bool:
    """Whether a command does something without the name of a part, which `drills evidence` does not and `drills restore` does."""
    parts = _parts(parser)
    return parts is None or not parts.required


def commands() -> str:
    """Return commands.md: what `--help` says of every command."""
    found = list(parsers())
    rows = [[f"[`{name}`](#{anchor(name, '-')})", plain(parser.description or "")] for name, parser in found]
    text = f"# Every command and option\n\n{MADE} [Commands by purpose](../commands.md) leads in.\n\n"
    text += f"{table(['command', 'does'], rows)}\n"
    return text + "\n".join(_command(name, parser) for name, parser in found)


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    example, _, codes = (parser.epilog or "").partition("exit codes:")
    text = f"## `{name}`\n\n{plain(parser.description or '')}\n"
    options = [row for action in parser._actions if (row := _option(parser, action))]
    if options:
        text += f"\n{table(['argument or option', 'meaning'], options)}"
    lines = example.rstrip().splitlines()[1:]  # the first one is "examples:"
    if calls := [line for line in lines if line.startswith("  ")]:
        text += f"\n```text\n{textwrap.dedent(chr(10).join(calls))}\n```\n"
    if remarks := [line for line in lines if line not in calls]:
        text += f"\n{_wrapped(plain(' '.join(remarks)))}\n"
    return f"{text}\n{_wrapped(_codes(codes))}\n"


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> list[str]:
    """Return the row of an option; none for help, and for the parts, which have sections of their own."""
    if isinstance(action, (argparse._HelpAction, argparse._SubParsersAction)):
        return []
    formatter = parser._get_formatter()
    value = (
        "" if action.nargs == 0 else formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
    )
    names = [f"`{each}`" for each in action.option_strings[:-1]]
    last = action.option_strings[-1] if action.option_strings else ""
    call = f"{last} {value}".strip() if last else formatter._format_args(action, str(action.metavar or action.dest))
    return [
        ", ".join([*names, *(f"`{each}`" for each in call.split("|"))]),
        plain(formatter._expand_help(action) if action.help else ""),
    ]


def _codes(codes: str) -> str:
    if not codes or " ".join(f"exit codes:{codes}".split()) == " ".join(EXIT_CODES.split()):
        return "Exit codes: [those of a run](exit-codes.md)."
    return f"Exit codes: {plain(codes.strip().removesuffix('.'))}."


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 128, break_long_words=False, break_on_hyphens=False)


# exit codes


def exit_codes() -> str:
    """Return exit-codes.md: what each code means of a run, and which ones the other commands have."""
    order = [0, 10, 11, 12, 13, 14, 2]
    rows = [[str(code), MEANINGS[code].replace("`drills sweep`", "[`drills sweep`](../sweep.md)")] for code in order]
    text = f"# Exit codes\n\n{MADE}\n\nOf `drills run`, and so of `tox -e drill`:\n\n{table(['code', 'means'], rows)}\n{SEVERAL}\n"
    others = []
    for name, parser in parsers():
        codes = (parser.epilog or "").partition("exit codes:")[2]
        said = _codes(codes).removeprefix("Exit codes: ").removesuffix(".")
        if codes and not said.startswith("[") and _is_called_alone(parser):
            others.append([f"[`{name}`](commands.md#{anchor(name, '-')})", said])
    return f"{text}\n## Of the other commands\n\nWhat is not listed has those of a run.\n\n{table(['command', 'codes'], others)}"


# drill.toml


def configuration() -> str:
    """Return configuration-keys.md: every key of drill.toml, by the JSON Schema that editors check the file with."""
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    tables: list[tuple[str, dict[str, Any]]] = [
        ("[drill]", schema["properties"]["drill"]),
        ("[evidence]", schema["properties"]["evidence"]),
        *_profiles(schema),
        ("[targets.NAME]", schema["properties"]["targets"]["additionalProperties"]),
    ]
    text = (
        f"# Every key of `drill.toml`\n\n{MADE}\n[Configuration](../configuration.md) explains the keys, and has their defaults. A "
        '*duration* is a number with a unit in quotes,\nsuch as `"30m"`. Editors check the file by '
        "[the JSON Schema](../../drills/config/drill-toml.schema.json).\n"
    )
    while tables:
        name, found = tables.pop(0)
        found = _resolved(schema, found)
        rows, below = [], []
        for key, value in sorted(found["properties"].items()):
            rows.append([f"`{key}`", _value(schema, value), "yes" if key in found.get("required", ()) else ""])
            below += _below(schema, name, key, value)
        summary = plain(str(found.get("description", "")).partition("\n\n")[0])
        said = [_wrapped(summary), _explained(name)]
        text += (
            f"\n## `{name}`\n\n" + "\n".join(filter(None, said)) + "\n\n" + table(["key", "value", "required"], rows)
        )
        tables = [*below, *tables]
    return text


def _explained(name: str) -> str:
    """Return a link to the section that explains a table; a profile's is named by its kind."""
    kind = name.partition(" of the kind ")[2]
    heading = f"kind `{kind}`" if kind else f"`{name}`"
    for page in ("configuration.md", "cutover.md"):
        for line in (FOLDER.parent / page).read_text(encoding="utf-8").splitlines():
            title = line.lstrip("#").strip()
            if line.startswith("##") and title.startswith(heading):
                return f"[Explained here](../{page}#{anchor(title, '-')})."
    return ""


def _profiles(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in schema["properties"]["profiles"]["additionalProperties"]["oneOf"]:
        (kind,) = each["properties"]["kind"]["enum"]
        yield f"[profiles.NAME] of the kind {kind}", each


def _resolved(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    name = value.get("$ref", "").rpartition("/")[2]
    return dict(schema["definitions"][name]) if name else value


def _below(
    schema: dict[str, Any], table_name: str, key: str, value: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the tables below a table; that of the evidence is the same everywhere and stands once."""
    if key == "evidence":
        return []
    prefix = table_name.strip("[]").partition("]")[0]
    found = _resolved(schema, value)
    if "properties" in found:
        return [(f"[{prefix}.{key}]", found)]
    items = _resolved(schema, found.get("items", {}))
    return [(f"[[{prefix}.{key}]]", items)] if "properties" in items else []


def _value(schema: dict[str, Any], value: dict[str, Any]) -> str:
    """Return what a key takes, in words."""
    found = _resolved(schema, value)
    if "enum" in found:
        return " or ".join(f"`{json.dumps(each)}`" for each in found["enum"])
    if "oneOf" in found or "anyOf" in found:
        return " or ".join(_value(schema, each) for each in found.get("oneOf") or found["anyOf"])
    if found.get("pattern") == DURATION:
        return "duration"
    kind = found.get("type")
    if kind == "object" and "properties" not in found:
        return f"a table of names, each with {_value(schema, found['additionalProperties'])}"
    if kind == "array":
        return f"list of {_value(schema, found['items'])}"
    words = {
        "string": "text",
        "boolean": "`true` or `false`",
        "integer": "whole number",
        "number": "number",
        "object": "table",
    }
    return words[str(kind)]


PAGES = {"commands.md": commands, "exit-codes.md": exit_codes, "configuration-keys.md": configuration}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, made in PAGES.items():
        Path(FOLDER / name).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
