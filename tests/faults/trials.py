"""Carries out one case: harm, proof that something changed, and what the verifier and others say of the copy."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from drills.checks.manifest import Manifest
from drills.errors import SandboxError
from drills.sandbox.postgres.cluster import Cluster
from tests.faults import peers
from tests.faults.dumps import Dumps
from tests.faults.files import Files
from tests.faults.lab import DATABASE, SETTINGS, Lab, answer
from tests.faults.model import Case, DumpCase, FilesCase, Observation, PeerVerdict, RecoveryCase, SqlCase, Trial
from tests.faults.recoveries import Recovery, archived


def carry_out(lab: Lab, case: Case, *, with_peers: bool = False) -> Trial:
    """One case from the harm to the last verdict. Nothing of it is left afterwards."""
    began, trying = time.perf_counter(), Trying(lab, case, with_peers)
    if isinstance(case, SqlCase):
        trial = _sql(trying, case)
    elif isinstance(case, DumpCase):
        trial = _dump(trying, case)
    elif isinstance(case, FilesCase):
        trial = _files(trying, case)
    elif isinstance(case, RecoveryCase):
        trial = _recovery(trying, case)
    else:
        raise TypeError(f"{case.id}: nobody knows how to carry this out")
    return dataclasses.replace(trial, seconds=time.perf_counter() - began)


@dataclass
class Trying:
    """One case under way, and what other tools said so far."""

    lab: Lab
    case: Case
    with_peers: bool
    output: dict[str, PeerVerdict] = field(default_factory=dict)

    def ask(self, peer: str, answered: Callable[[], PeerVerdict]) -> None:
        """Let another tool look, where that is wanted."""
        if self.with_peers:
            self.output[peer] = answered()

    def judge(self, cluster: Cluster, observation: Observation | None, expected: Manifest | None = None) -> Trial:
        """What the verifier, and then the others, say of a copy that runs."""
        results = self.lab.verify(cluster, expected)
        if self.with_peers:
            self.output |= peers.ask_running(self.lab, cluster)
        return Trial(self.case, observation, results, peers=self.output)

    def not_started(self, observation: Observation | None, failure: str) -> Trial:
        """What there is to say of a copy that does not start: that, and what looked at its files."""
        self.ask(peers.STARTS, lambda: PeerVerdict("found", failure))
        return Trial(self.case, observation, (), failure, self.output)

    def stop(self, cluster: Cluster) -> None:
        """End the copy in order, so that its checksums can be looked at."""
        if self.with_peers:
            cluster.stop()
        self.ask(peers.CHECKSUMS, lambda: peers.checksums(cluster))


def _sql(trying: Trying, case: SqlCase) -> Trial:
    with _copy_for(trying.lab, case) as cluster:
        expected = None
        if case.source:
            _execute(cluster, case.source)
            expected = trying.lab.take_manifest(cluster)
        before = _probe(cluster, case)
        _execute(cluster, case.statements)
        if case.restart:
            cluster.restart({**SETTINGS, **case.settings})
        observation = Observation(before, _probe(cluster, case)) if case.probe else None
        return trying.judge(cluster, observation, expected)


def _dump(trying: Trying, case: DumpCase) -> Trial:
    trying.lab.fresh()
    dumps = Dumps(trying.lab)
    try:
        observation = case.harm(dumps)
        trying.ask(peers.EXIT, lambda: peers.exit_of(dumps.code))
        return trying.judge(dumps.target, observation, dumps.expected)
    finally:
        if dumps.target is not trying.lab.source:
            dumps.target.kill()


def _files(trying: Trying, case: FilesCase) -> Trial:
    with trying.lab.scratch() as cluster:
        files = Files(trying.lab, cluster)
        observation = case.harm(files)
        if files.is_backup:
            trying.ask(peers.VERIFYBACKUP, lambda: peers.verify_backup(cluster))
        if files.refused:
            trying.ask(peers.EXIT, lambda: peers.exit_of(1, files.refused))
            return Trial(case, observation, (), files.refused, trying.output)
        if failure := _start(cluster, case.settings):
            return trying.not_started(observation, failure)
        trial = trying.judge(cluster, observation)
        trying.stop(cluster)
        return trial


def _recovery(trying: Trying, case: RecoveryCase) -> Trial:
    base, archive = (case.backup or archived)(trying.lab)
    with trying.lab.scratch(base) as cluster, contextlib.closing(Recovery(trying.lab, cluster, archive)) as recovery:
        case.harm(recovery)
        recovery.prepare()
        trying.ask(peers.VERIFYBACKUP, lambda: peers.verify_backup(cluster))
        wanted = recovery.wanted
        if failure := _start(cluster, recovery.settings):
            return trying.not_started(Observation(f"row {wanted.newest.seq}", failure), failure)
        with cluster.connect(DATABASE) as admin:
            newest = answer(admin, "select max(seq) from drill_canary.beat")
        trial = trying.judge(cluster, Observation(f"[({wanted.newest.seq},)]", newest), wanted.manifest)
        trying.stop(cluster)
        return trial


@contextlib.contextmanager
def _copy_for(lab: Lab, case: SqlCase) -> Iterator[Cluster]:
    """The source with a fresh database, or a server of the case's own on a copy of the backup."""
    if not case.whole_server:
        lab.fresh()
        yield lab.source
        return
    with lab.scratch() as cluster:
        cluster.start(SETTINGS)
        yield cluster


def _probe(cluster: Cluster, case: SqlCase) -> str:
    if not case.probe:
        return ""
    with cluster.connect(DATABASE) as admin:
        # a witness must read the rows themselves: served from an index it has been seen to miss what was done
        for path in ("indexscan", "indexonlyscan", "bitmapscan"):
            admin.execute(f"set enable_{path} = off".encode())
        return answer(admin, case.probe)


def _execute(cluster: Cluster, statements: tuple[str, ...]) -> None:
    with cluster.connect(DATABASE) as admin:
        admin.execute("set session_replication_role = replica")
        for statement in statements:
            admin.execute(statement.encode())


def _start(cluster: Cluster, settings: Mapping[str, str]) -> str:
    """Start a copy; why it does not start, empty when it does."""
    try:
        cluster.start({**SETTINGS, **settings}, timeout=60)
    except SandboxError as error:
        return str(error)
    return ""
