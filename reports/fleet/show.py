"""Shows the scorecard of a fleet: on the terminal, as Markdown, and as one HTML page that needs nothing else."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.durations import show_duration
from drills.files import write_atomically
from drills.fleet.record import FLEET_NAME, FleetRecord, Member
from drills.history import wording
from drills.objectives import cost
from drills.printable import printable, printable_lines
from reports import markdown as texts
from reports import words

TEMPLATES = Path(__file__).parents[1] / "templates"
SCORECARD = "scorecard.html"
MARKDOWN = "summary.md"
_KEPT = "\N{NO-BREAK SPACE}"
_ENDLESS = 10_000  # columns: how wide a table is where nothing makes it narrower
HEAD = ("Target", "Code", "Outcome", "Tier", "RTA", "RPA", "Took")
PROOF_HEAD = ("Target", "Kind", "Proved", "On trust")
PROOFS_SHOWN = 12  # targets of which the terminal says what was proved; of a larger fleet the page does


def write(folder: Path, fleet: FleetRecord) -> None:
    """Write the scorecard beside the fleet's record, as HTML and as Markdown. Raises OSError."""
    write_atomically(folder / SCORECARD, html(fleet, folder))
    write_atomically(folder / MARKDOWN, markdown(fleet))


def headline(fleet: FleetRecord) -> str:
    """The verdict on the fleet in one sentence."""
    passed = sum(each.code == 0 for each in fleet.members)
    if fleet.code is None:
        return "The fleet has not ended"
    nowhere = sum(each.code == 0 and bool(each.not_counted) for each in fleet.members)
    whole = f"{passed} of {words.counted(len(fleet.members), 'target')} passed" + (
        f", {nowhere} in runs that count nowhere" * bool(nowhere)
    )
    return f"{whole}; stopped by {fleet.interrupted_by}" if fleet.interrupted_by else whole


def subtitle(fleet: FleetRecord) -> str:
    """Which fleet it is."""
    share = f", share {fleet.shard} of {words.counted(len(fleet.targets), 'target')}" if fleet.shard else ""
    took = f", {show_duration(fleet.wall_seconds)}" if fleet.wall_seconds is not None else ""
    return f"{fleet.fleet_id}, profile {fleet.profile}{share}{took}, {fleet.parallel} at once"


def exit_lines(fleet: FleetRecord) -> list[str]:
    """Each exit code of the fleet with its targets, the one that it ends with first."""
    lines = []
    for code in fleet.all_codes:
        names = [each.target for each in fleet.members if code in each.all_codes]
        of = f" ({len(names)}: {', '.join(names)})" if code and names else ""  # none where it is the whole fleet's
        lines.append(f"{code}: {words.EXIT_WORDS[code]}{of}")
    return lines


def row(member: Member) -> tuple[str, ...]:
    """The row of a target: every code that it gives, and its numbers beside its objectives."""
    return (
        member.target,
        " ".join(map(str, member.all_codes)) or "-",
        member.outcome or member.state,
        member.tier or "-",
        _against(member.rta_seconds, member.rto_seconds),
        _against(member.rpa_seconds, member.rpo_seconds),
        "-" if member.seconds is None else show_duration(member.seconds),
    )


def _against(actual: float | None, objective: float | None) -> str:
    if actual is None:
        return "-"
    return words.seconds_or(actual) + (f" of {show_duration(objective)}" if objective else "")


def reasons(fleet: FleetRecord) -> list[str]:
    """Why targets did not pass, a sentence each, and what is wrong with the fleet as a whole."""
    said = [f"{each.target}: {each.sentence}" for each in fleet.members if each.sentence]
    nowhere = [
        f"{each.target}: counts nowhere: {each.not_counted}"
        for each in fleet.members
        if each.not_counted and each.not_counted != each.sentence
    ]
    return [*fleet.problems, *said, *nowhere]


def proofs(fleet: FleetRecord) -> list[tuple[str, str, str, str]]:
    """What the run of each target proved, and what it leaves to trust; a target whose run left no record has no row."""
    return [
        (each.target, each.kind, "; ".join(each.proved) or "nothing", "; ".join(each.on_trust) or "nothing")
        for each in fleet.members
        if each.kind
    ]


def cost_line(fleet: FleetRecord) -> str:
    """What the copies of all runs cost, as far as it is known, and of which targets a part or all is not; "" where none has one."""
    of_runs = [each for each in fleet.members if each.cost_unknown is not None]
    known = [Decimal(each.cost_usd) for each in of_runs if each.cost_usd is not None]
    open_ones = [each for each in fleet.members if each.kind and each.cost_unknown != 0]
    if not of_runs or not (known or open_ones):
        return ""  # nobody made a copy
    if not known:
        return "What the copies of all runs cost is not known"
    verb = "would cost" if fleet.simulated else "cost"
    part = _targets(each for each in open_ones if each.cost_usd is not None)
    nothing = _targets(each for each in open_ones if each.cost_usd is None)
    rest = (f", without a part of {part}" if part else "") + (f"; nothing is known of {nothing}" if nothing else "")
    return f"The copies of all runs {verb} {cost.about(sum(known, Decimal(0)))}{rest}"


def _targets(members: Iterable[Member]) -> str:
    """How many targets there are, and which; "" for none."""
    names = [each.target for each in members]
    return f"{words.counted(len(names), 'target')}: {', '.join(names)}" if names else ""


def _tone(code: int | None) -> str:
    return {0: "good", None: "open"}.get(code, "bad")


# -- terminal ---------------------------------------------------------------------------------------------------------


def terminal(fleet: FleetRecord, folder: Path, console: Console, *, again: bool = False) -> None:
    """Print the scorecard: as a table, or below each other where the terminal has no room for one without breaking names.

    One that is shown again has the fleet's exit codes, which are not those of the command that shows it.
    """
    made = _table(fleet)
    console.print()
    if made.__rich_measure__(console, console.options.update(max_width=_ENDLESS)).maximum <= console.width:
        console.print(made)
    else:
        _stacked(fleet, console)
    console.print()
    tone = {"good": "bold green", "bad": "bold red"}.get(_tone(fleet.code), "bold")
    _say(console, headline(fleet), tone)
    if fleet.simulated:
        _say(console, wording.SIMULATED, "bold yellow")
    for line in reasons(fleet):
        _say(console, line, "red")
    console.print()
    _proofs(fleet, console)
    for name in (SCORECARD, MARKDOWN, FLEET_NAME):
        console.print(Text(printable(words.show_path(folder / name)), "cyan"), soft_wrap=True, highlight=False)
    for line in exit_lines(fleet):
        _say(console, f"{'the fleet has exit code' if again else 'exit code'} {line}")


def _table(fleet: FleetRecord) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=False)
    for head in HEAD:
        made.add_column(head, justify="right" if head == "Took" else "left", no_wrap=True)
    for each in fleet.members:
        name, code, outcome, *numbers = map(printable, row(each))
        made.add_row(name, code, Text(outcome, _style(each)), *numbers)
    return made


def _stacked(fleet: FleetRecord, console: Console) -> None:
    """Print each target in lines of its own, the name whole on the first."""
    for each in fleet.members:
        name, code, outcome, *numbers = map(printable, row(each))
        console.print(Text(name), soft_wrap=True, highlight=False)
        _say(console, f"  {code}  {outcome}", _style(each))
        told = [f"{head} {number};" for head, number in zip(HEAD[3:], numbers, strict=True) if number != "-"]
        kept = " ".join(each.replace(" ", _KEPT) for each in told).rstrip(";")  # a number stays with its unit
        for line in textwrap.wrap(kept, console.width, initial_indent="  ", subsequent_indent="  "):
            _say(console, line.replace(_KEPT, " "))


def _proofs(fleet: FleetRecord, console: Console) -> None:
    """Print what each run proved and leaves to trust, where the fleet is small enough for that."""
    rows = proofs(fleet)
    if len(rows) > PROOFS_SHOWN:
        _say(console, f"What each run proved, and what is taken on trust: {SCORECARD}")
        rows = []
    for target, kind, proved, trusted in rows:
        for line in (f"{target} ({kind})", f"  proved: {proved}", f"  on trust: {trusted}"):
            for part in textwrap.wrap(line, console.width, subsequent_indent="  ") if console.is_terminal else [line]:
                _say(console, part)
    if fleet.members:
        console.print()


def _style(member: Member) -> str:
    return {"good": "green", "bad": "bold red"}.get(_tone(member.code), "")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style), soft_wrap=not console.is_terminal, highlight=False)


# -- Markdown and HTML ------------------------------------------------------------------------------------------------


def markdown(fleet: FleetRecord) -> str:
    """The scorecard as Markdown."""
    lines = [f"# {headline(fleet)}", "", printable(subtitle(fleet)), ""]
    lines += [f"**{wording.SIMULATED}**", ""] if fleet.simulated else []
    lines += [*texts.table(HEAD, [row(each) for each in fleet.members]), ""]
    lines += [f"- {texts.cell(each)}" for each in reasons(fleet)]
    lines += ["", texts.cell(cost_line(fleet))] if cost_line(fleet) else []
    lines += ["", *texts.table(PROOF_HEAD, proofs(fleet))] if proofs(fleet) else []
    lines += ["", *(f"- exit code {texts.cell(each)}" for each in exit_lines(fleet))]
    return "\n".join(lines) + "\n"


def html(fleet: FleetRecord, folder: Path) -> str:
    """The scorecard as one page; each target leads to the report of its run, where that is."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable_lines(value) if type(value) is str else value,
    )
    rows = [(row(each), _tone(each.code), _report(each, folder), each) for each in fleet.members]
    return made.get_template("scorecard.html.j2").render(
        title=headline(fleet),
        subtitle=subtitle(fleet),
        stamp=wording.SIMULATED if fleet.simulated else "",
        tone=_tone(fleet.code),
        head=HEAD,
        rows=rows,
        reasons=reasons(fleet),
        proof_head=PROOF_HEAD,
        proofs=proofs(fleet),
        exits=exit_lines(fleet),
        cost=cost_line(fleet),
    )


def _report(member: Member, folder: Path) -> str:
    """Where the report of a member's run is, as the page leads to it; "" where there is none."""
    path = folder.parent / member.run_id / "report.html"
    return os.path.relpath(path, folder) if member.run_id and path.is_file() else ""
