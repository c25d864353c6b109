"""What `drills preflight` shows: the request, what is foreseen, what to do, and the dates on which recoverability ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor

from rich.console import Console
from rich.table import Table
from rich.text import Text

from drills.cli.findings import show_findings
from drills.cli.posture import shorten
from drills.history.wording import SIMULATED
from drills.model.finding import CheckResult
from drills.model.forecast import Forecast
from drills.preflight import ends
from drills.preflight.facts import PreflightFacts
from drills.screen import printable

_VERDICTS = {
    "accepted": ("a restore would be accepted", "bold green"),
    "refused": ("a restore would be refused", "bold red"),
    "not known": ("it is not known whether a restore would be accepted", "bold yellow"),
}


def show(facts: PreflightFacts, results: Sequence[CheckResult], forecast: Forecast, console: Console) -> None:
    """Print the request, the results, the findings with what to type, what is not known, the dates, and what is foreseen."""
    account, region = facts.account, facts.region
    console.print(printable(f"{facts.instance_id}, restored in account {account}, {region}"))
    if forecast.simulated:
        console.print(SIMULATED, style="yellow")
    _show_request(console, facts)
    results = [shorten(result, account, region) for result in results]
    table = Table(box=None, pad_edge=False)
    for heading in ("", "outcome", "what is foreseen"):
        table.add_column(heading, overflow="fold")
    for result in results:
        outcome, style = _outcome(result)
        table.add_row(printable(result.name), Text(outcome, style=style), printable(result.sentence))
    console.print(table)
    show_findings(console, results)
    unread = [(result.name, each) for result in results for each in result.not_checked]
    if unread:
        console.print("\nnot known:")
        for name, left in unread:
            console.print(printable(f"  {name}: {left.what}: {left.reason}"), soft_wrap=True)
    _show_dates(console, facts)
    sentence, style = _VERDICTS[forecast.foreseen]
    console.print()
    console.print(Text(f"foreseen: {sentence}", style), soft_wrap=True)


def _outcome(result: CheckResult) -> tuple[str, str]:
    """Return an outcome in words and its style: what is known in part is not shown as met."""
    if result.outcome == "missed":
        return "missed", "bold red"
    if result.requirement == "impossible":
        return "not predictable", "dim"
    if result.not_checked:
        return ("known in part" if result.outcome == "met" else "not known"), "yellow"
    if result.outcome == "met":
        return "met", "green"
    return ("nothing to judge", "dim") if result.requirement == "optional" else ("not known", "yellow")


def _show_request(console: Console, facts: PreflightFacts) -> None:
    """Print the call that a drill would make now, with its parameters."""
    if facts.restore is None:
        why = "the target's vault keeps a drill from it" if facts.barred else "there is no usable recovery point"
        console.print(f"no restore could be asked for: {why}\n")
        return
    if facts.restore.copied_first:
        console.print("the snapshot would be copied first: RDS restores in its own region and under its own key")
    for number, request in enumerate(facts.restore.requests):
        when = "that would be made now" if number == 0 else "once the cluster is available"
        console.print(f"the call {when}: {request.operation}")
        for name, value in request.parameters.items():
            shown = ", ".join(f"{each['Key']}={each['Value']}" for each in value) if name == "Tags" else _text(value)
            console.print(printable(f"  {name}: {shown}"), soft_wrap=True)
        console.print()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={each}" for name, each in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _show_dates(console: Console, facts: PreflightFacts) -> None:
    found = ends.ends(facts)
    if not found:
        return
    console.print("\ndates on which recoverability ends, or becomes another:")
    table = Table(box=None, pad_edge=False)
    table.add_column("date (UTC)", no_wrap=True)
    table.add_column("days left", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("then", overflow="fold")
    for each in found:
        date = f"{each.at:%Y-%m-%d %H:%M}" if each.at else "never"
        days = "" if each.days is None else f"{floor(each.days)}"
        table.add_row(date, days, printable(each.what), printable(each.consequence if each.at else "it is kept"))
    console.print(table)
