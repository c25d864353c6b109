"""How far the newest moment that can be restored may lie behind now, of whatever keeps such moments."""

from __future__ import annotations

from datetime import datetime, timedelta

from drills.durations import show_duration
from drills.posture.facts import PostureFacts
from drills.posture.judgement import Judgement

# "typically within the last five minutes" (RDS user guide, "Restoring a DB instance to a specified time"); of a table "typically
# 5 minutes before the current time" (DescribeContinuousBackups)
LAG_AT_MOST = timedelta(hours=1)


def find_lag(judged: Judgement, facts: PostureFacts, member: str, latest: datetime | None, remedy: str) -> None:
    """Add the finding that nothing of the last hour can be restored; `member` is what AWS calls the newest moment."""
    ago = show_duration((facts.now - latest).total_seconds()) if latest else ""
    found = f"{latest:%Y-%m-%d %H:%M} UTC, {ago} ago" if latest else "none"
    judged.find("error", facts.arn, expected=f"a {member} of the last hour", found=found, remedy=remedy)
