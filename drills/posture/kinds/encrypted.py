"""The key of a source whose description says whether it is encrypted, as those of volumes and file systems do."""

from __future__ import annotations

from drills.aws import read as aws
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.finding import CheckResult
from drills.model.parity import NotVerified
from drills.posture.backup_reader import kms_of
from drills.posture.facts import Document, PostureFacts
from drills.posture.judgement import Judgement
from drills.posture.keys import judge_enabled

NAME = "encryption"


def read_key(clients: Clients, arn: object) -> Document | NotVerified | None:
    """Return the KeyMetadata of a source's key, None where there is no such key, or the source has none."""
    if not arn:
        return None
    return read_or_not_verified("kms:DescribeKey", lambda: aws.key_metadata(kms_of(clients, str(arn)), str(arn)))


def judge(facts: PostureFacts, key: Document | NotVerified | None, remedy: str) -> CheckResult:
    """Judge that the source is encrypted, under a key that works: without it nobody reads it. `remedy` is how it comes to be."""
    judged, word = Judgement(NAME), facts.subject.word
    if facts.instance is None:
        return judged.result("", nothing=f"there is no {word}")
    if not facts.instance.get("Encrypted"):
        judged.count()
        judged.find("warning", facts.arn, expected=f"an encrypted {word}", found="it is not encrypted", remedy=remedy)
        return judged.result(f"the {word} is not encrypted")
    arn = str(facts.instance.get("KmsKeyId") or "")
    if judged.was_read(arn, key) and not isinstance(key, NotVerified):
        judged.count()
        judge_enabled(judged, arn, key)
    return judged.result("encrypted, and its key is enabled")
