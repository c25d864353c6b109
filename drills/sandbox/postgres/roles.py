"""The roles that Amazon RDS for PostgreSQL sets up: `rdsadmin`, `rds_superuser` and a master user that is no superuser.

Source: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html
"""

from __future__ import annotations

from psycopg import Connection, sql

from drills.sandbox.postgres.cluster import Cluster

_PREDEFINED_ROLES = ("pg_monitor", "pg_signal_backend", "pg_read_all_data", "pg_write_all_data")
RESERVED = frozenset({"rdsadmin", "rds_superuser", "rds_replication", "rds_iam", "rds_password"})


def prepare_roles(cluster: Cluster, master: str, password: str, database: str | None) -> None:
    """Create the roles and databases of a new instance in a running cluster; `database`, if any, for the master."""
    with cluster.connect("postgres") as connection:
        run = connection.execute
        run("CREATE DATABASE rdsadmin")
        run("REVOKE CONNECT, TEMPORARY ON DATABASE rdsadmin FROM PUBLIC")
        run("CREATE ROLE rds_superuser NOLOGIN")
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


def set_password(cluster: Cluster, role: str, password: str) -> None:
    """Set a role's password in a running cluster."""
    with cluster.connect("postgres") as connection:
        _set_password(connection, role, password)


def _set_password(connection: Connection[tuple[object, ...]], role: str, password: str) -> None:
    # hashed by the client, so that the server's statement log never holds the password
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)))
