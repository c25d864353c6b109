"""Dumps of the lab's database, how they are restored, and what tells one restored database from another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import psycopg

from drills.checks.manifest import Manifest
from drills.sandbox.postgres.cluster import Cluster
from tests.faults.lab import DATABASE, Lab, give
from tests.faults.model import Observation

_PORTRAIT = (
    "select relkind::text, count(*), count(relacl), count(case when relowner = 10 then 1 end) from pg_class "
    "where relnamespace > 16000 or relnamespace = 'public'::regnamespace group by 1 order by 1",
    "select string_agg(extname, ' ' order by extname) from pg_extension",
    "select count(*), count(lomacl) from pg_largeobject_metadata",
    "select count(*) from pg_constraint where contype in ('f', 'c', 'p', 'u', 'x')",
    "select count(*) from pg_trigger where not tgisinternal",
    "select count(*) from pg_policies",
    "select (select count(*) from pg_publication), (select count(*) from pg_subscription), (select count(*) from pg_event_trigger)",
    "select count(*) from pg_description where objoid > 16000",
    "select setconfig from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = "
    "current_database()) order by 1",
    "select last_value from lab.ticket_seq",
    "select md5(string_agg(t::text, '|' order by t::text)) from lab.customer t",
    "select count(*) from lab.document",
    "select count(*) from lab.account",
    "select count(*) from lab.pair",
)


class Dumps:
    """Makes dumps of a fresh database and restores them in its place. `code` is what the last restore returned."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.target = lab, lab.source
        self.code = 0
        self.expected: Manifest | None = None  # where the source itself is another one than the lab's
        self.folder = lab.work / "dumps"
        self.folder.mkdir(exist_ok=True)
        give(self.folder)

    def make(self, name: str, *options: str, database: str = DATABASE) -> Path:
        """A dump of the fresh database, made as the superuser; what pg_dump returned is in `made`."""
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        self.made = self.lab.tool(self.lab.source, "pg_dump", f"--file={path}", "--create", *options, database)
        return path

    def plain(self, *options: str) -> Path:
        """A dump as SQL."""
        return self.make("plain.sql", *options)

    def custom(self, *options: str) -> Path:
        """A dump in pg_dump's own format."""
        return self.make("custom.dump", "--format=custom", *options)

    def folder_dump(self) -> Path:
        """A dump as a folder of files."""
        return self.make("folder.dump", "--format=directory")

    def write(self, name: str, content: bytes) -> Path:
        """A damaged dump."""
        path = self.folder / name
        path.write_bytes(content)
        give(path)
        return path

    def load_plain(self, path: Path, *, stop: bool = True) -> Observation:
        """Restore SQL with psql in the place of the database."""
        before = self.clear()
        options = ["--set=ON_ERROR_STOP=1"] if stop else []
        options += [f"--file={path}", "--dbname=postgres"]
        done = self.lab.tool(self.target, "psql", "--no-psqlrc", "--quiet", "--output=/dev/null", *options)
        return self.compared(before, done)

    def load(self, path: Path, *options: str) -> Observation:
        """Restore an archive with pg_restore in the place of the database."""
        before = self.clear()
        return self.compared(
            before, self.lab.tool(self.target, "pg_restore", "--create", *options, "--dbname=postgres", str(path))
        )

    def load_nothing(self) -> Observation:
        """Restore nothing, as where a step before the restore failed and nobody looked."""
        return self.load_plain(self.write("nothing.sql", b""))

    def clear(self) -> str:
        """Drop the database; what it held."""
        portrait = self.portrait(self.lab.source)
        self.lab.empty()
        return portrait

    def compared(self, before: str, done: subprocess.CompletedProcess[str]) -> Observation:
        """What the database holds now, and the restore's exit code kept."""
        self.code = done.returncode
        return Observation(before, self.portrait(self.target))

    def portrait(self, cluster: Cluster) -> str:
        """What a database holds, in numbers; the error where it cannot be entered."""
        answers = []
        try:
            with cluster.connect(DATABASE) as admin:
                for query in _PORTRAIT:
                    try:
                        answers.append(repr(admin.execute(query.encode()).fetchall()))
                    except psycopg.Error as error:
                        answers.append(str(error).partition("\n")[0])
        except psycopg.OperationalError as error:
            answers.append(str(error).rpartition("FATAL:")[2].strip())
        return "; ".join(answers)
