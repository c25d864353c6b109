"""What is left of a command that a signal ended, in a sentence's end, by its words."""

from __future__ import annotations

import argparse

_NOTHING = "nothing was changed"
_AWS = "what AWS was asked for goes on there: drills sweep --dry-run shows what there is"

LEFT = {
    "backup": "a backup job that had begun goes on in AWS Backup: aws backup list-backup-jobs shows it",
    "canary": "what it was writing to the source is rolled back",
    "completion": _NOTHING,
    "cutover": "what it did is in its journal: drills cutover resume goes on, drills cutover rollback goes back",
    "cutover plan": _NOTHING,
    "demo": "no drill had begun",
    "doctor": _NOTHING,
    "evidence": "no evidence was changed",
    "evidence keygen": "a key that was not printed is not whole: remove its files, and type it again",
    "evidence review": "a review that was not printed may be there: drills evidence verify shows it",
    "evidence seal": "the run has its bundle, or is as it was: type it again",
    "gate": "no evidence was changed, and nothing is let pass",
    "history": _NOTHING,
    "init": "files that it named are whole, and others were not written; nothing was changed in the account",
    "ledger": "no evidence was changed; notices that had gone out are out",
    "localstack": "what it had made there was removed, but for what is named above",
    "metrics": "what had gone out is out, the rest was not written",
    "notices": "what had gone out is out, the rest was not sent",
    "manifest": "a manifest that was not named is not written",
    "posture": "nothing was changed in AWS",
    "preflight": "nothing was changed in AWS",
    "report": "reports that it did not name are as they were: type it again",
    "report merge": "what it wrote lies in the folder that -o names: type it again with another one",
    "report controls": _NOTHING,
    "restore": f"no copy was handed over; {_AWS}",
    "restore end": _AWS,
    "restore extend": "the copy stays until one of the two times: type it again",
    "restore keep": "the copy stays until its time, or for good: type it again",
    "run": "no run had begun",
    "sandbox": "drills sandbox status shows what runs",
    "sandbox down": "drills sandbox status shows what still runs: type it again",
    "sandbox status": _NOTHING,
    "sandbox up": "drills sandbox status shows whether it runs",
    "schedule": _NOTHING,
    "steps": _NOTHING,
    "sweep": "what AWS was asked to remove goes on being removed: drills sweep --dry-run shows what there is",
    "files": "nothing was changed, and a manifest that was not named is not written",
    "table": "nothing was changed in AWS, and a manifest that was not named is not written",
    "validate": "nothing was posted; a run that had begun is sealed by the next one",
    "verify": "nothing was changed; a file of --resume has what was proved until then, one of --turns is as it was",
}
# what holds the word of a command's part
_PARTS = ("part", "action", "run")


def left_by(options: argparse.Namespace) -> str:
    """Return what is left of the command that these options called."""
    words = (f"{options.command} {getattr(options, name, None)}" for name in _PARTS)
    return LEFT[next((each for each in words if each in LEFT), options.command)]
