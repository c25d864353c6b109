"""Prints the status of a standalone sandbox in a terminal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich import box
from rich.table import Table

from drills.durations import show_duration
from drills.screen import Screen

_STYLES = {"available": "green", "stopped": "dim"}


def show_status(facts: dict[str, Any], now: datetime) -> None:
    """Print the facts of `drills sandbox status --json` as tables; `now` is the present instant."""
    console = Screen(highlight=False)
    console.print(f"[bold green]●[/] The sandbox answers at [bold]{facts['endpoint']}[/]")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    since = datetime.fromisoformat(facts["since"])
    servers = ", ".join(f"{each['version']} ({each['origin']})" for each in facts["postgres"])
    for name, value in (
        ("running for", show_duration((now - since).total_seconds())),
        ("PostgreSQL", servers),
        ("account, region", f"{facts['account']}, {facts['region']}"),
        ("memory", f"{facts['memory_bytes'] / 1e6:.0f} MB without PostgreSQL"),
        ("processes", ", ".join(f"{role} {pid}" for role, pid in facts["processes"].items())),
        ("work folder", facts["state"]),
    ):
        table.add_row(f"[dim]{name}[/]", value)
    console.print(table)
    console.print()
    if not facts["instances"]:
        console.print("No instances.")
        return
    instances = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 2))
    for heading in ("Instance", "Status", "Address"):
        instances.add_column(heading)
    for each in facts["instances"]:
        style = _STYLES.get(each["status"], "yellow")
        at = each["endpoint"]
        instances.add_row(
            each["id"],
            f"[{style}]{each['status']}[/]" + (f" [dim]{each['reason']}[/]" if each["reason"] else ""),
            f"{at['Address']}:{at['Port']}" if at else "",
        )
    console.print(instances)
