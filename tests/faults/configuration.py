"""Faults of what is not in a database: server and role settings, roles, slots, and where a copy is started."""

from __future__ import annotations

from tests.faults.files import Files
from tests.faults.lab import DATABASE, give
from tests.faults.model import RESTORE, FilesCase, Observation, SqlCase

_CATALOG = ("catalog",)


def server(
    number: str, name: str, damage: str, statements: tuple[str, ...], probe: str, names: str,
    found_by: tuple[str, ...] = _CATALOG, needs: tuple[str, ...] = (),
) -> SqlCase:  # fmt: skip
    """A fault of the whole server, done to a running copy of its own."""
    return SqlCase(
        id=number, name=name, damage=damage, statements=statements, probe=probe, names=names, found_by=found_by,
        whole_server=True, needs=needs,
    )  # fmt: skip


def started_with(
    number: str, name: str, damage: str, settings: dict[str, str], names: str, found_by: tuple[str, ...]
) -> FilesCase:
    """A copy that is started with other settings."""
    return FilesCase(
        id=number, name=name, damage=damage, settings=settings, names=names, found_by=found_by,
        harm=lambda files: Observation("the settings of the source", ", ".join(f"{key} = {value}" for key,
        value in settings.items())),
    )  # fmt: skip


def _mode(files: Files) -> Observation:
    before = files.cluster.data.stat().st_mode
    files.cluster.data.chmod(0o755)
    return Observation(oct(before), oct(files.cluster.data.stat().st_mode))


def _version(files: Files) -> Observation:
    return files.change(files.cluster.data / "PG_VERSION", lambda old: b"13\n")


def _nobody_enters(files: Files) -> Observation:
    return files.change(files.cluster.data / "pg_hba.conf", lambda old: b"local all all reject\n")


def _no_access_rules(files: Files) -> Observation:
    return files.remove(files.cluster.data / "pg_hba.conf")


def _broken_settings(files: Files) -> Observation:
    return files.change(files.cluster.data / "postgresql.conf", lambda old: old + b"\nwork_mem = '4 apples'\n")


def _standby_too_small(files: Files) -> Observation:
    signal = files.cluster.data / "standby.signal"
    signal.touch()
    give(signal)
    return Observation("no standby", "a standby" if signal.exists() else "no standby")


_ROLES = "select rolname, rolsuper, rolcanlogin, rolconnlimit, rolvaliduntil, rolbypassrls, rolcreatedb from pg_roles order by 1"
_PASSWORDS = "select rolname, md5(rolpassword) from pg_authid order by 1"
_MEMBERS = "select roleid::regrole, member::regrole, admin_option from pg_auth_members order by 1, 2"
_SETTINGS = "select setdatabase, setrole, setconfig from pg_db_role_setting order by 1, 2"
_DATABASES = "select datname, datdba, datconnlimit, datallowconn, datistemplate, datacl from pg_database order by 1"
_SUBSCRIPTIONS = "select subname, subenabled, subpublications from pg_subscription"

ROLE_CASES = (
    server("C01", "role-missing", "a role is gone", ("drop role worker",), _ROLES, "role worker"),
    server("C02", "role-locked-out", "a role may no longer log in", ("alter role worker nologin",), _ROLES, "role worker"),
    server("C03", "role-superuser", "a role is a superuser", ("alter role readers superuser",), _ROLES, "role readers"),
    server("C03b", "role-bypasses", "a role sees past row-level security", ("alter role readers bypassrls",), _ROLES,
           "role readers"),
    server("C04", "role-expired", "a role's password is valid for another time",
           ("alter role worker valid until '2020-01-01'",),
           _ROLES, "role worker"),
    server("C05", "membership-lost", "a role is no longer a member of another one", ("revoke readers from writers",), _MEMBERS,
           "role writers"),
    server("C05b", "membership-added", "a role is a member of a powerful one", ("grant pg_read_all_data to worker",), _MEMBERS,
           "role worker"),
    server("C06", "role-setting-lost", "a role has lost its setting", ("alter role worker reset lock_timeout",), _SETTINGS,
           "role worker"),
    server("C06b", "role-in-database-setting-lost", "a role has lost its setting in one database",
           (f"alter role writers in database {DATABASE} reset work_mem",), _SETTINGS, "role writers"),
    server("C06c", "setting-of-all-roles", "every session of the server has a setting that none had",
           ("alter role all set statement_timeout = '1h'",), _SETTINGS, "all roles"),
    server("C07", "password-changed", "a role has another password", ("alter role worker password 'x'",), _PASSWORDS,
           "role worker"),
    server("C07b", "password-lost", "a role has no password any more", ("alter role worker password null",), _PASSWORDS,
           "role worker"),
    server("C07c", "password-gained", "a role has a password that had none", ("alter role writers password 'x'",), _PASSWORDS,
           "role writers"),
)  # fmt: skip

DATABASE_CASES = (
    server("C10", "database-setting-lost", "a database has lost its setting", (f"alter database {DATABASE} reset all",),
           _SETTINGS,
           f"database {DATABASE}"),
    server("C11", "database-owner", "a database belongs to somebody else", (f"alter database {DATABASE} owner to rdsadmin",),
           _DATABASES, f"database {DATABASE}"),
    server("C12", "database-missing", "a database is gone", ("drop database other",), _DATABASES, "database other",
           ("catalog", "connection")),
    server("C12b", "database-added", "a database is there that the source did not have", ("create database stray",), _DATABASES,
           "database stray"),
    server("C13", "database-closed", "a database takes no connections", ("alter database other allow_connections false",),
           _DATABASES, "database other", ("catalog", "connection")),
    server("C14", "database-limit", "a database takes fewer connections", (f"alter database {DATABASE} connection limit 3",),
           _DATABASES, f"database {DATABASE}"),
    server("C15", "database-grant-lost", "a role may not enter a database",
           (f"revoke connect on database {DATABASE} from readers",),
           _DATABASES, f"database {DATABASE}"),
    server("P33", "locale-missing", "the system lacks the database's locale",
           ("update pg_database set datcollate = 'xx_XX.utf8', datctype = 'xx_XX.utf8' where datname = 'other'",),
           "select datcollate from pg_database where datname = 'other'", "database other", ("connection",)),
    server("P32", "collation-version", "a collation's order was made by another version of the library",
           ("update pg_collation set collversion = '1.0' where collname = 'book'",),
           "select collversion from pg_collation where collname = 'book'", "book", ("catalog", "integrity"), ("icu",)),
    server("P32b", "database-collation-version", "a database's order was made by another version of the library",
           (f"update pg_database set datcollversion = '1.0' where datname = '{DATABASE}'",),
           f"select datcollversion from pg_database where datname = '{DATABASE}'", f"database {DATABASE}",
           ("catalog", "integrity"), ("PostgreSQL 15",)),
    server("P31", "collation-order-changed", "an index is sorted as another version of the library sorts", (
        "update pg_index set indcollation = '950' where indexrelid = 'lab.word_word'::regclass", "reindex index lab.word_word",
        "update pg_index set indcollation = (select oid::text::oidvector from pg_collation where collname = 'book') "
        "where indexrelid = 'lab.word_word'::regclass",
    ), "select pg_relation_filenode('lab.word_word')", "word_word", ("integrity",), ("icu",)),
)  # fmt: skip

STATE_CASES = (
    server("P35", "prepared-transaction", "a prepared transaction holds its locks",
           ("begin; update lab.customer set note = 'x' where id = 1; prepare transaction 'left'",),
           "select gid from pg_prepared_xacts", "left|prepared", ("catalog", "integrity")),
    server("P36", "slot-left", "a replication slot keeps WAL for somebody who never comes",
           ("select pg_create_physical_replication_slot('left_behind', true)",), "select slot_name from pg_replication_slots",
           "left_behind", ("catalog", "integrity", "harmless")),
    server("P36b", "origin-lost", "how far the changes of another server were applied is forgotten",
           ("select pg_replication_origin_drop('upstream')",), "select roname from pg_replication_origin", "upstream",
           ("catalog", "integrity")),
    SqlCase(id="S01", name="subscription-missing", damage="a subscription is gone", whole_server=True,
            statements=("drop subscription lab_in",), probe=_SUBSCRIPTIONS, found_by=_CATALOG, names="lab_in"),
    SqlCase(id="S02", name="subscription-enabled", damage="a subscription is enabled and would take over the source's slot",
            whole_server=True, statements=("update pg_subscription set subenabled = true, subslotname = 'lab_in'",),
            probe=_SUBSCRIPTIONS,
            found_by=("catalog", "harmless"), names="lab_in"),
    SqlCase(id="S03", name="subscription-to-others", damage="a subscription is to another publication", whole_server=True,
            statements=("alter subscription lab_in set publication other with (refresh = false)",), probe=_SUBSCRIPTIONS,
            found_by=_CATALOG, names="lab_in"),
    SqlCase(id="S03b", name="subscription-moved", damage="a subscription would follow another server", whole_server=True,
            statements=("update pg_subscription set subconninfo = 'host=elsewhere.invalid dbname=x'",),
            probe="select md5(subconninfo) from pg_subscription", found_by=_CATALOG, names="lab_in"),
    SqlCase(id="S03c", name="subscription-does-not-wait", damage="a subscription's commits wait for nobody, or for more",
            whole_server=True, statements=("update pg_subscription set subsynccommit = 'remote_apply'",),
            probe="select subsynccommit from pg_subscription", found_by=_CATALOG, names="lab_in"),
    SqlCase(id="S04", name="archiving-on", damage="the copy archives its WAL over the source's", whole_server=True,
            restart=True,
            statements=(), settings={"archive_mode": "on", "archive_command": "true"}, probe="show archive_mode",
            found_by=("harmless",), names="archive"),
    SqlCase(id="S05", name="setting-of-server-lost", damage="a setting that the application relies on is the default again",
            whole_server=True, restart=True, statements=(), settings={"default_transaction_isolation": "serializable"},
            probe="show default_transaction_isolation", found_by=("catalog", "integrity", "settings"),
            names="default_transaction_isolation"),
    SqlCase(id="S05b", name="zone-of-server-lost", damage="the server reckons local times in another zone", whole_server=True,
            restart=True, statements=(), settings={"timezone": "Asia/Tokyo"}, probe="show timezone", found_by=("settings",),
            names="TimeZone"),
    SqlCase(id="S06", name="commit-times-off", damage="the copy no longer keeps the times of commits", whole_server=True,
            restart=True, statements=(), settings={"track_commit_timestamp": "off"}, probe="show track_commit_timestamp",
            found_by=("catalog", "integrity", "settings"), names="track_commit_timestamp"),
    server("S07", "wraparound", "a database has to be vacuumed at once or stops taking writes",
           (f"update pg_database set datfrozenxid = '2500000000' where datname = '{DATABASE}'",),
           f"select age(datfrozenxid) from pg_database where datname = '{DATABASE}'", f"{DATABASE}|wraparound|frozen",
           ("integrity", "catalog")),
)  # fmt: skip

START_CASES = (
    started_with("P37", "library-missing", "the target lacks a library that the source loads",
                 {"shared_preload_libraries": "not_there"},
                 "not_there", (RESTORE,)),
    FilesCase(id="P38", name="standby-too-small", damage="the target allows fewer connections than the WAL needs",
              harm=_standby_too_small, settings={"max_connections": "10", "hot_standby": "on", "restore_command": "false"},
              names="insufficient parameter|max_connections", found_by=(RESTORE,)),
    FilesCase(id="P39", name="other-major-version", damage="the backup is of another major version", harm=_version,
              names="incompatible|version", found_by=(RESTORE,)),
    FilesCase(id="P40", name="open-folder", damage="everybody may read the data folder", harm=_mode, names="permission",
              found_by=(RESTORE,)),
    FilesCase(id="P41", name="settings-broken", damage="the server's settings hold a value that is none", harm=_broken_settings,
              names=r"work_mem|postgresql\.conf", found_by=(RESTORE,)),
    FilesCase(id="P41b", name="nobody-enters", damage="the copy admits nobody", harm=_nobody_enters, names="database|reject",
              found_by=("connection",)),
    FilesCase(id="P41c", name="access-rules-missing", damage="the file of who may connect is missing", harm=_no_access_rules,
              names="pg_hba", found_by=(RESTORE,)),
)  # fmt: skip

CASES = (*ROLE_CASES, *DATABASE_CASES, *STATE_CASES, *START_CASES)
