"""Judges the worst case of the backup schedule, whatever the newest point is like today."""

from __future__ import annotations

from drills.durations import show_duration
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.facts import PostureFacts
from drills.posture.judgement import Judgement


def worst_case(facts: PostureFacts) -> CheckResult:
    """Return the worst case of the schedule is within the RPO; a plan that is too seldom fails beside a point that is fresh."""
    judged = Judgement("schedule")
    worst, rpo = facts.worst_case, facts.policy.rpo_seconds
    if rpo is None:
        return judged.result("", nothing="no RPO is set for the target", requirement="optional")
    if not judged.was_read("the backup schedule", worst) or isinstance(worst, NotVerified):
        return judged.result("")
    if worst is None:
        return judged.result(
            "", nothing=f"there is no {facts.subject.word} whose schedule could be judged", requirement="optional"
        )
    judged.count()
    if worst.seconds is None or worst.seconds > rpo:
        judged.find(
            "error",
            facts.arn,
            expected=f"a schedule that cannot lose more than the RPO of {show_duration(rpo)}",
            found=worst.sentence,
            remedy="let a rule of the plan run more often or start in a shorter window"
            f"{', or turn on continuous backup' if facts.subject.continuous else ''}; "
            "try it with drills schedule EXPRESSION --rpo RPO",
        )
    return judged.result(worst.sentence)
