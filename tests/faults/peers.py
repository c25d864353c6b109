"""The checks that other tools do after a restore, done here on the same copies.

What each stands for: `server starts` is AWS Backup's restore testing without a validation of one's own; `row counts` and
`one-column md5` are FireDrill's checks, given the source's exact numbers and every table; `pg_dump` and `pg_amcheck` are
what pgbackrest_auto does; `pg_verifybackup` and `pg_checksums` come with PostgreSQL; `exit code` is that of the restore.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg

from drills.sandbox.postgres.cluster import Cluster
from tests.faults.lab import DATABASE, Lab, answer
from tests.faults.model import PeerVerdict

STARTS, COUNTS, MD5, DUMP = "server starts", "row counts", "one-column md5", "pg_dump"
AMCHECK, VERIFYBACKUP, CHECKSUMS, EXIT = "pg_amcheck", "pg_verifybackup", "pg_checksums", "exit code"
PEERS = (STARTS, EXIT, COUNTS, MD5, DUMP, AMCHECK, VERIFYBACKUP, CHECKSUMS)
NOT_APPLICABLE = PeerVerdict("not applicable")
_FOUND, _NOT = "found", "not found"


def ask_running(lab: Lab, cluster: Cluster) -> dict[str, PeerVerdict]:
    """What can be asked of a running copy."""
    return {
        STARTS: _ask_server(lab, cluster, lambda session: True),
        COUNTS: _counts(lab, cluster),
        MD5: _md5(lab, cluster),
        DUMP: exit_of(lab.tool(cluster, "pg_dump", "--format=plain", "--file=/dev/null", DATABASE).returncode),
        AMCHECK: _amcheck(lab, cluster) if "contrib" in lab.abilities else NOT_APPLICABLE,
    }


def verify_backup(cluster: Cluster) -> PeerVerdict:
    """pg_verifybackup over the files of a copy of a backup that was not started yet."""
    done = cluster.run_tool("pg_verifybackup", "--quiet", str(cluster.data))
    return exit_of(done.returncode, done.stderr)


def checksums(cluster: Cluster) -> PeerVerdict:
    """pg_checksums over a copy that was stopped in order."""
    done = cluster.run_tool("pg_checksums", "--check", f"--pgdata={cluster.data}")
    return exit_of(done.returncode, done.stderr)


def exit_of(code: int, output: str = "") -> PeerVerdict:
    """A verdict by exit code alone; a program that was ended by a signal gave no verdict."""
    if code < 0:
        return PeerVerdict(NOT_APPLICABLE.outcome, f"ended by signal {-code}")
    return PeerVerdict(_FOUND if code else _NOT, output.strip().partition("\n")[0])


def _amcheck(lab: Lab, cluster: Cluster) -> PeerVerdict:
    options = ["--install-missing", "--heapallindexed", "--parent-check", "--rootdescend"]
    options += ["--checkunique"] if lab.binaries.major >= 17 else []
    done = lab.tool(cluster, "pg_amcheck", f"--database={DATABASE}", *options)
    return exit_of(done.returncode, done.stdout + done.stderr)


def _ask_server(lab: Lab, cluster: Cluster, is_sound: Callable[[psycopg.Connection[object]], bool]) -> PeerVerdict:
    try:
        with lab.connector(cluster)(DATABASE) as session:
            return PeerVerdict(_NOT if is_sound(session) else _FOUND)
    except psycopg.Error as error:
        return PeerVerdict(_FOUND, str(error).partition("\n")[0])


def _counts(lab: Lab, cluster: Cluster) -> PeerVerdict:
    wanted = {
        name: content.rows
        for name, content in lab.manifest.databases[DATABASE].contents.tables.items()
        if not content.unlogged
    }

    def is_sound(session: psycopg.Connection[object]) -> bool:
        for table, least in wanted.items():
            row = session.execute(f"select count(*) from {table}".encode()).fetchone()
            if row is None or int(str(row[0])) < least:  # type: ignore[index]
                return False
        return True

    return _ask_server(lab, cluster, is_sound)


def _md5(lab: Lab, cluster: Cluster) -> PeerVerdict:
    query = "select md5(string_agg(email, '' order by email)) from lab.customer"
    return _ask_server(lab, cluster, lambda session: answer(session, query) == lab.expected_md5)
