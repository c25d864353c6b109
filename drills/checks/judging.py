"""Judges what was observed of a copy against a manifest. Pure: a drill and whoever judges it again call the same functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drills.checks import since
from drills.checks.base.budget import OUT_OF_TIME
from drills.checks.base.outcome import CheckOutcome
from drills.checks.base.runner import build_result
from drills.checks.canary import chain
from drills.checks.catalog import check as catalog
from drills.checks.catalog import passwords, unknown
from drills.checks.catalog.scope import REST_OF_SERVER
from drills.checks.content import check as content
from drills.checks.content import emptiness, encodings, key_parts, large_objects, members, sequences
from drills.checks.content.check import Contents
from drills.checks.content.fingerprint import PORTABLE, agree
from drills.checks.manifest import Manifest
from drills.checks.observed import (
    ActivitySeen,
    CanarySeen,
    CatalogSeen,
    ClusterSeen,
    ContentSeen,
    LargeObjectsSeen,
    OutcomeSeen,
    SequencesSeen,
    ServerSeen,
    SettingsSeen,
    TurnsSeen,
)
from drills.checks.server import harmless, settings
from drills.model.finding import CheckResult, NotChecked
from drills.model.policy import TablePolicy


@dataclasses.dataclass(frozen=True, slots=True)
class Judge:
    """Judges observations against one manifest, None where there is none, and the policies of its tables.

    `earlier` says that the manifest is earlier than the copy's data, "" where it is of the same instant (drills/checks/since.py).
    """

    manifest: Manifest | None
    policies: Mapping[str, TablePolicy] = dataclasses.field(default_factory=dict)
    earlier: str = ""

    def judge(self, database: str, seen: Any) -> CheckOutcome:
        """Return the outcome that an observation of a database gives, "" for the server."""
        match seen:
            case CheckOutcome():
                return seen
            case OutcomeSeen():
                return seen.outcome
            case CanarySeen():
                return self._canary(database, seen)
            case ActivitySeen():
                return harmless.judge(seen.found)
            case ServerSeen() | TurnsSeen():
                return CheckOutcome()
        if self.manifest is None:
            raise ValueError(f"expected a manifest to judge {type(seen).__name__} by, found none")
        outcome = self._by_manifest(self.manifest, database, seen)
        return self._since(self.manifest, database, seen, outcome) if self.earlier else outcome

    def _since(self, manifest: Manifest, database: str, seen: Any, outcome: CheckOutcome) -> CheckOutcome:
        """Return the outcome with what may have changed since an earlier manifest as not verified."""
        match seen:
            case SequencesSeen():
                known = manifest.databases[database]
                return since.of_sequences(outcome, self.earlier, known.sequences, seen.found, known.catalog)
            case ContentSeen():
                contents = manifest.databases[database].contents
                return since.of_content(outcome, self.earlier, contents, seen.found, self.policies)
            case LargeObjectsSeen():
                return since.unexplained(outcome, self.earlier, large_objects.is_unreadable)
        return since.unexplained(outcome, self.earlier, lambda finding: False)

    def _by_manifest(self, manifest: Manifest, database: str, seen: Any) -> CheckOutcome:
        match seen:
            case ClusterSeen():
                return _cluster(manifest, seen)
            case CatalogSeen():
                lenient = leniency(manifest, seen.identifier)
                return compare_catalogs(manifest.databases[database].catalog, seen.found, lenient)
            case SequencesSeen():
                return sequences.judge(manifest.databases[database].sequences, seen.found)
            case ContentSeen():
                return self._content(manifest, database, seen)
            case LargeObjectsSeen():
                return large_objects.judge(manifest.databases[database].large_objects, seen.found)
            case SettingsSeen():
                known = seen.identifier and manifest.system_identifier
                same = seen.identifier == manifest.system_identifier if known else None
                return settings.judge(manifest.settings or {}, seen.found, same=same)
        raise ValueError(f"expected an observation that can be judged, found {type(seen).__name__}")

    def _canary(self, database: str, seen: CanarySeen) -> CheckOutcome:
        known = self.manifest.databases.get(database) if self.manifest else None
        return CheckOutcome(
            seen.found.rows if seen.found else 0, chain.judge(known.canary if known else None, seen.found)
        )

    def _content(self, manifest: Manifest, database: str, seen: ContentSeen) -> CheckOutcome:
        expected = manifest.databases[database].contents
        before, after, outcome = settle(expected, seen, self.policies, manifest)
        return (
            content.judge(before, after, self.policies, seen.locations)
            + key_parts.judge(expected, seen.parts)
            + outcome
        )

    def rows_compared(self, database: str, seen: ContentSeen) -> int:
        """Return how many of the source's rows an observation covers, large objects included."""
        if self.manifest is None:
            return 0
        expected = self.manifest.databases[database]
        before, after, _ = settle(expected.contents, seen, self.policies, self.manifest)
        return emptiness.rows_compared(before, after, self.policies) + len(expected.large_objects.objects)

    def content_result(self, seen: Sequence[tuple[str, Any]], *, expects_nothing: bool) -> CheckResult:
        """Return the result of comparing the contents: of the server first, then of each database."""
        manifest = self.manifest
        if manifest is None:
            raise ValueError("expected a manifest to compare the contents with, found none")
        incomparable, across = "", tuple[NotChecked, ...]()
        for _, each in seen:
            if isinstance(each, ServerSeen):
                incomparable, across = across_versions(manifest, each)
        if incomparable:
            outcome = CheckOutcome(unverified=(NotChecked(content.NAME, incomparable),))
            return build_result(content.NAME, outcome, content.WHAT)
        outcome = sum((self.judge(database, each) for database, each in seen), CheckOutcome())
        every = [each.contents for each in manifest.databases.values()]
        outcome += CheckOutcome(excluded=(*content.unmatched_policies(every, self.policies), *across))
        result = _with_coverage(build_result(content.NAME, outcome, content.WHAT), outcome)
        if outcome.unverified:
            return result
        rows = sum(self.rows_compared(database, each) for database, each in seen if isinstance(each, ContentSeen))
        source = emptiness.source_tables(every)
        return emptiness.judge(result, rows, source, expects_nothing=expects_nothing)

    def catalog_result(self, outcomes: Iterable[CheckOutcome]) -> CheckResult:
        """Return the result of comparing the catalogs, with the sections that the manifest's format does not know."""
        outcome = sum(outcomes, CheckOutcome())
        if self.manifest:
            outcome += CheckOutcome(excluded=catalog.sections_unknown_to(self.manifest.format))
        return build_result(catalog.NAME, outcome, "catalog entries")


def canary_result(outcome: CheckOutcome) -> CheckResult:
    """Return the result of following the canaries; optional where there is none and none was expected."""
    if not (outcome.compared or outcome.findings or outcome.unverified):
        sentence = "the copy holds no canary, and none was expected"
        return CheckResult(chain.NAME, "not verified", sentence, "optional")
    return build_result(chain.NAME, outcome, "canary rows", "its chain is whole")


def harmless_result(outcome: CheckOutcome) -> CheckResult:
    """Return the result of looking for what could act on other systems."""
    remark = "no replication worker, archiver or job runner is live"
    return build_result(harmless.NAME, outcome, "facts", remark, verb="checked")


# -- catalog ----------------------------------------------------------------------------------------------------------


def leniency(manifest: Manifest, identifier: str) -> frozenset[str]:
    """Return the sections whose differences are warnings, by whether the copy's server is the manifest's."""
    physical = identifier and identifier == manifest.system_identifier
    return catalog.LENIENT if physical else catalog.LENIENT_TO_A_DUMP


def compare_catalogs(expected: catalog.Catalog, found: catalog.Catalog, lenient: frozenset[str]) -> CheckOutcome:
    """Compare two catalogs, and list what of them cannot be compared."""
    findings = catalog.judge(expected, found, lenient=lenient)
    excluded = (*catalog.uncompared_secrets(expected), *catalog.uncompared_secrets(found))
    excluded += (*catalog.uncompared_options(expected, found), *unknown.not_compared(expected, found))
    return CheckOutcome(catalog.count(expected), findings, excluded=excluded)


def _cluster(manifest: Manifest, seen: ClusterSeen) -> CheckOutcome:
    outcome = compare_catalogs(manifest.cluster, seen.found, leniency(manifest, seen.identifier))
    outcome += passwords.judge(catalog.NAME, manifest.passwords, seen.passwords)
    return outcome + CheckOutcome(excluded=(REST_OF_SERVER,) if manifest.only else ())


# -- content ----------------------------------------------------------------------------------------------------------


def settle(
    expected: Contents, seen: ContentSeen, policies: Mapping[str, TablePolicy], manifest: Manifest
) -> tuple[Contents, Contents, CheckOutcome]:
    """Return both sides with what can be compared of them, and the outcome for the rest."""
    there = manifest.system_identifier
    other = bool(seen.identifier and there and seen.identifier != there)
    settled = members.settle(expected, seen.found, policies, other_server=other)
    both = encodings.Encodings(seen.source_encoding, seen.found.encoding, seen.how, seen.byte_ordered)
    before, after, encoded = encodings.settle(settled.expected, settled.found, policies, both)
    return before, after, settled.outcome + encoded


def across_versions(manifest: Manifest, server: ServerSeen) -> tuple[str, tuple[NotChecked, ...]]:
    """Return why fingerprints cannot be compared with a server's, "" where they can, and what to list about it.

    PostgreSQL keeps its hash functions the same within a major version and architecture only; whether two servers have
    the same one is seen from what they make of known texts. The portable algorithm is the same everywhere.
    """
    here, there = server.version, manifest.server_version_num // 10000
    algorithms = {each.contents.algorithm for each in manifest.databases.values()}
    same = all(agree(algorithm, manifest.calibration, server.calibration) for algorithm in algorithms)
    if same or (not manifest.calibration and there == here):
        if there == here:
            return "", ()
        portable = algorithms <= PORTABLE
        why = "by the portable algorithm" if portable else "their fast hash functions give the same for 400 values"
        return "", (NotChecked("versions", f"content compared between PostgreSQL {there} and {here}: {why}"),)
    needs = (
        f"needs a manifest of PostgreSQL {here} or a portable one (drills manifest --portable), found one of {there}"
    )
    return f"{needs}: their hash functions differ", ()


def _with_coverage(result: CheckResult, outcome: CheckOutcome) -> CheckResult:
    """Say how many of all tables were compared, where time was too short for some."""
    late = [left for left in outcome.unverified if left.reason.startswith(OUT_OF_TIME)]
    if not late or result.outcome == "missed":
        return result
    total = outcome.compared + len(outcome.unverified)
    sentence = f"{outcome.compared:,} of {total:,} {content.WHAT} compared; {late[0].what}: {late[0].reason}"
    return dataclasses.replace(result, sentence=sentence)
