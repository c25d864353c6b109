"""The roles that Amazon RDS for PostgreSQL sets up: `rdsadmin`, `rds_superuser` and a master user that is no superuser.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import Connection, sql

from drills.sandbox.postgres.cluster import Cluster

_PREDEFINED_ROLES = ("pg_monitor", "pg_signal_backend", "pg_read_all_data", "pg_write_all_data")
_OF_THE_HOST = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")
RESERVED = frozenset({"rdsadmin", "rds_superuser", "rds_replication", "rds_iam", "rds_password"})


def prepare_roles(cluster: Cluster, master: str, password: str, database: str | None) -> None:
    """Create the roles and databases of a new instance in a running cluster; `database`, if any, for the master."""
    with cluster.connect("postgres") as connection:
        run = connection.execute
        run("CREATE DATABASE rdsadmin")
        run("REVOKE CONNECT, TEMPORARY ON DATABASE rdsadmin FROM PUBLIC")
        run("CREATE ROLE rds_superuser NOLOGIN")
        if cluster.binaries.major < 16:
            _keep_from_the_master(connection)
        for role in _PREDEFINED_ROLES:
            run(sql.SQL("GRANT {} TO rds_superuser WITH ADMIN OPTION").format(sql.Identifier(role)))
        for name in ("rds_replication", "rds_iam", "rds_password"):
            run(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))
            run(sql.SQL("GRANT {} TO rds_superuser WITH ADMIN OPTION").format(sql.Identifier(name)))
        owner = sql.Identifier(master)
        run(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(owner))
        run(sql.SQL("GRANT rds_superuser TO {}").format(owner))
        _set_password(connection, master, password)
        for existing in ("postgres", "template1"):
            run(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(existing), owner))
        if database and database != "postgres":
            run(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), owner))


def _keep_from_the_master(connection: Connection[tuple[object, ...]]) -> None:
    """Keep the roles that reach the host's files and programs from a role with CREATEROLE, as Amazon RDS does.

    Before 16 such a role may grant itself every role that is no superuser
    (https://www.postgresql.org/docs/15/sql-createrole.html), so these three become superusers. Nobody is a member.
    """
    connection.execute("UPDATE pg_catalog.pg_authid SET rolsuper = true WHERE rolname = ANY (%s)", [list(_OF_THE_HOST)])


class TemporaryLogin:
    """A login role that lives for one task: no superuser, and a member of every role that is none.

    As the member of the owners it can do to their objects what they can. Nothing that runs as it can start a program or
    reach a file of the host, or become a role that can: the session is the role's own, so that RESET ROLE and RESET
    SESSION AUTHORIZATION lead back to it.
    """

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.name = name
        self._cluster = cluster
        self._password = secrets.token_urlsafe(24)

    def create(self, settings: Mapping[str, str], *, superuser: bool = False) -> None:
        """Create the role, with `settings` for its sessions, which a superuser may give to others."""
        name = sql.Identifier(self.name)
        with self._cluster.connect() as session:
            power = sql.SQL("SUPERUSER" if superuser else "NOSUPERUSER BYPASSRLS")
            session.execute(sql.SQL("CREATE ROLE {} LOGIN {}").format(name, power))
            _set_password(session, self.name, self._password)
            for setting, value in settings.items():
                session.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
                )
            if superuser:
                return
            if self._cluster.binaries.major >= 15:  # what `pg_dump --disable-triggers` and scripts around it set
                session.execute(sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(name))
            roles = session.execute(
                "SELECT rolname FROM pg_catalog.pg_roles WHERE NOT rolsuper AND rolname <> %s "
                "AND (rolname !~ '^pg_' OR rolname IN ('pg_read_all_data', 'pg_write_all_data'))",
                [self.name],
            ).fetchall()
        for (role,) in roles:
            self.join(str(role))

    def join(self, role: str) -> None:
        """Make it a member of one more role."""
        with self._cluster.connect() as session:
            session.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(self.name)))

    def connect(self, database: str) -> psycopg.Connection:
        """Open a session in autocommit mode."""
        return self._cluster.connect_as(self.name, self._password, database)

    def hand_over(self, database: str, heir: str) -> None:
        """Give `heir` what the role owns in `database`, and take back what it was granted there."""
        with self._cluster.connect(database) as session:
            session.execute(
                sql.SQL("REASSIGN OWNED BY {} TO {}").format(sql.Identifier(self.name), sql.Identifier(heir))
            )
            session.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(self.name)))

    def drop(self) -> None:
        """Drop the role, which owns nothing any more, and end its sessions."""
        with self._cluster.connect() as session:
            session.execute(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = %s",
                [self.name],
            )
            name = sql.Identifier(self.name)
            if self._cluster.binaries.major >= 15:  # not DROP OWNED, for which a copy's event trigger would fire
                session.execute(sql.SQL("REVOKE SET ON PARAMETER session_replication_role FROM {}").format(name))
            session.execute(sql.SQL("DROP ROLE {}").format(name))


@contextmanager
def temporary_login(cluster: Cluster, name: str, settings: Mapping[str, str] | None = None) -> Iterator[TemporaryLogin]:
    """Create a role for a task that changes what is there and owns nothing; it is gone at the end."""
    login = TemporaryLogin(cluster, name)
    login.create(settings or {})
    try:
        yield login
    finally:
        login.drop()


def set_password(cluster: Cluster, role: str, password: str) -> None:
    """Set a role's password in a running cluster."""
    with cluster.connect("postgres") as connection:
        _set_password(connection, role, password)


def _set_password(connection: Connection[tuple[object, ...]], role: str, password: str) -> None:
    # hashed by the client, so that the server's statement log never holds the password
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)))
