"""Foresees a vault of a database that a drill refuses: one that is not there, or whose points AWS Backup alone has. Pure."""

from __future__ import annotations

from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.judgement import Judgement
from drills.preflight.facts import PreflightFacts

LIST = "aws backup list-backup-vaults"


def judge(facts: PreflightFacts) -> CheckResult:
    """Foresee that the drill ends before a point is chosen, as `drills.recovery.vaults` has it."""
    judged = Judgement("vault")
    if not judged.was_read(f"vault {facts.vault}", facts.bars) or isinstance(facts.bars, NotVerified):
        return judged.result("")
    for each in facts.bars:
        judged.find(
            "error",
            each.vault,
            expected="a vault that a drill restores from" if each.words else "a vault",
            found=f"{each.words}: {each.why}" if each.words else "none of that name",
            remedy=f"name the backup vault that the plan backs up into as {each.key}: see docs/air-gapped.md"
            if each.words
            else f"correct {each.key} in drill.toml: {LIST}",
        )
    judged.count()
    names_none = "drill.toml names none: a drill restores what RDS lists"
    return judged.result(f"a drill restores from {facts.vault}" if facts.vault else names_none)
