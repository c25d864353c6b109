"""Journals of cut-overs as they are told, without one that was carried out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from drills.cutover import plan
from drills.cutover.model import Entry, Opening, RememberedService, RestoreChoice, State, opening_facts, replay_journal

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
OPENING = Opening(
    id="20261128-120000-abcd",
    target="orders",
    profile="sandbox",
    instance="orders-prod",
    renamed="orders-prod-old",
    restored="orders-prod",
    aside="orders-prod-aside-abcd",
    position="healthy",
    source_resource_id="db-SOURCE",
    chosen=RestoreChoice("snapshot", snapshot_id="awsbackup:job-1"),
    wanted={},
    wanted_from="the old instance",
    left={},
    services=(RememberedService("shop", "web", 1),),
    public_url="http://shop.example.com",
)
FACTS: dict[str, dict[str, Any]] = {
    "verification-group": {"verification_group": "sg-drill"},
    "restore": {"restored_resource_id": "db-RESTORED"},
    "compare": {"compared": 70, "compared_with": "the old instance", "differences": [], "not_compared": []},
    "verify": {"admits_while_verified": ["sg-drill"]},
    "address-open": {"marker_seen": True},
    "old-idle": {"accepted_sessions": []},
}
AWAY = (("suspend-scaling", "200"), ("stop-tasks", "503"), ("address-open", "200"))


def journal(
    stop: str = "", door: tuple[tuple[str, str], ...] = AWAY, back: bool = False, **facts: dict[str, Any]
) -> State:
    """The state of a cut-over whose steps were done one a second, up to the one where it stops."""
    return replay_journal(entries_of(OPENING, stop, door, back, facts))


def entries_of(
    opening: Opening,
    stop: str = "",
    door: tuple[tuple[str, str], ...] = AWAY,
    back: bool = False,
    facts: dict[str, dict[str, Any]] | None = None,
) -> list[Entry]:
    """The entries of such a journal; what stops while it goes back has gone the whole way before."""
    entries = [Entry(1, NOON, "drill", "opened", facts=opening_facts(opening))]
    known = FACTS | {key.replace("_", "-"): value for key, value in (facts or {}).items()}

    def write(event: Any, step: str = "", told: dict[str, Any] | None = None) -> None:
        seen = tuple((entries[-1].at, answer) for at, answer in door if at == step and event == "done")
        at = NOON + timedelta(seconds=len(entries))
        entries.append(Entry(len(entries) + 1, at, "drill", event, step, told or {}, seen))

    for mode in ("forward", "back") if back else ("forward",):
        if mode == "back":
            write("turned back")
        for step in plan.steps(opening, mode):
            write("begin", step.key)
            if step.key == stop:
                write("failed", step.key, {"sentence": "expected room, found none"})
                return entries
            write("done", step.key, known.get(step.key))
        write("ended")
    return entries
