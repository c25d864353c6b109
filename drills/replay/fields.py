"""Says of every field of the run record how a replay treats it: derived, compared with another file, or taken as recorded.

Data. `name[]` stands for each entry of a list. A field that is named speaks for everything below it; a test walks the record's
model, so that a new field has to be placed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

# by what they are derived from
DERIVED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "the configuration among the observations": ("simulated", "target.kind", "target.vault", "objectives"),
        "the recorded answers of AWS": (
            *("target.instance_id", "target.engine_version", "target.dbi_resource_id", "target.account"),
            *("target.region", "disaster", "refused_points", "worst_case", "restore_test"),
        ),
        "the observations of the copy, and manifest.json": (
            *("restorations[].checks", "restorations[].queries", "coverage"),
        ),
        "the phases, the observations and AWS's answers": ("measurements", "losses"),
        "all of these": ("verdicts", "partial_reason", "missing", "code", "all_codes"),
    }
)
# by what they are held against; each of these reads another file, or another field of the record that says the same
HELD: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "start.json": (
            *("run_id", "profile", "started_at", "tool_version", "commit", "target.name", "settings", "expected"),
            *(
                "trigger",
                "initiator",
                "plan",
                "evidence.chain",
                "evidence.sequence",
                "evidence.level",
                "evidence.previous",
            ),
            *("evidence.start", "evidence.key"),
        ),
        "the calls in raw/aws": (
            *(
                "restorations[].point",
                "restorations[].instance_id",
                "restorations[].instance_class",
                "restorations[].engine",
            ),
            *("restorations[].source_class", "restorations[].host", "restorations[].port"),
            *("restorations[].engine_version", "restorations[].statuses[].at", "restorations[].statuses[].status"),
            *("resources[].kind", "resources[].id", "resources[].state", "resources[].resource_id", "aws_calls"),
        ),
        "the names that a run gives": ("restorations[].purpose", "phases[].clock"),
        "manifest.json and the configuration": ("restorations[].expectation",),
        "raw/cucumber.json": (
            *("promises[].id", "promises[].feature", "promises[].name", "promises[].outcome", "promises[].tags"),
        ),
        "each other": (
            *("phases[].started_at", "phases[].start_seconds", "phases[].ended_at", "phases[].end_seconds"),
            *("moments[].at", "moments[].seconds", "ended_at", "wall_seconds", "aborted_in", "partial"),
        ),
    }
)
# by the reason why they are taken as they are recorded
TAKEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "how drill.json is read; a newer one is refused": ("schema_version",),
        "read once of this machine, the source or the copy, and part of no verdict": (
            *("environment", "target.databases", "target.size_bytes", "target.data", "restorations[].hydration"),
        ),
        "measured by this machine's clock alone": (
            *("restorations[].statuses[].seconds", "promises[].seconds", "clean_up_seconds", "clock_offset"),
        ),
        "known from the run alone: they can only add an exit code, or make the run partial": (
            *("failures", "interrupted_by", "pytest_status", "promises[].left_out"),
        ),
        "names of what was done at a time; those of the recovery are held against AWS's calls": (
            *("phases[].name", "phases[].note", "phases[].source", "moments[].name", "moments[].source"),
        ),
        "sentences for people, part of no verdict": ("notes", "not_checked", "promises[].reason", "resources[].note"),
        "what the sandbox took away from a copy on purpose": ("restorations[].damage",),
        "shown beside a status, part of no verdict": ("restorations[].statuses[].pending",),
        "of what is gone, the run's own account; of instances AWS's last answer is held against it": (
            *("resources[].account", "resources[].region", "resources[].made_at", "resources[].gone_at"),
        ),
        "declared by the run whose copy this one goes on with: its own bundle has it": ("resumed_from",),
        "what the run cost, part of no verdict": (
            *("price", "restorations[].storage_type", "restorations[].storage_gib", "restorations[].charged"),
        ),
        "of the restore of an incident, which is not replayed": ("incident",),
        "outside of this evidence": ("history", "forecast", "evidence.store"),
    }
)


def placed() -> Iterator[tuple[str, str]]:
    """Yield each field that is placed, with "derived", "held" or "taken"."""
    for how, group in (("derived", DERIVED), ("held", HELD), ("taken", TAKEN)):
        for paths in group.values():
            yield from ((path, how) for path in paths)
