"""Judges the region's settings of AWS Backup: whether it backs up what is selected by tags alone, and manages points fully.

Source: AWS Backup API reference, DescribeRegionSettings and UpdateRegionSettings.
"""

from __future__ import annotations

from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.facts import PostureFacts
from drills.posture.judgement import Judgement
from drills.schedule.selections import names_the_type

NAME = "opt-in"


def opt_in(facts: PostureFacts) -> CheckResult:
    """Return AWS Backup is opted in to the type of the source, or a selection names it: else plans pass it over without a word."""
    judged, settings, kind = Judgement(NAME), facts.region_settings, facts.subject.protected
    if not judged.was_read("settings of AWS Backup", settings) or isinstance(settings, NotVerified):
        return judged.result("", requirement="optional")
    preferences = (settings or {}).get("ResourceTypeOptInPreference") or {}
    protections = () if isinstance(facts.protections, NotVerified) else facts.protections
    if kind not in preferences or not protections:
        nothing = (
            f"no plan selects the {facts.subject.word}" if settings and not protections else "AWS does not tell it"
        )
        return judged.result("", nothing=nothing, requirement="optional")
    judged.count()
    named = any(names_the_type(each.selection, facts.arn) for each in protections)
    if not preferences[kind]:
        judged.find(
            "warning" if named else "error",
            f"{kind} in {facts.region}",
            expected=f"AWS Backup opted in to {kind}",
            found="it is not"
            + ("; a selection names the type, and counts" if named else ": what is selected by tags is passed over"),
            remedy=f"aws backup update-region-settings --resource-type-opt-in-preference {kind}=true",
        )
    if facts.subject.managed and ((settings or {}).get("ResourceTypeManagementPreference") or {}).get(kind) is False:
        judged.find(
            "warning",
            f"{kind} in {facts.region}",
            expected="full management by AWS Backup",
            found="it is off: points are copied to no other vault, and stay under the key of their source",
            remedy=f"aws backup update-region-settings --resource-type-management-preference {kind}=true",
        )
    return judged.result(f"AWS Backup backs up {kind} in {facts.region}", requirement="optional")
