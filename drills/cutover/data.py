"""Checks the restored data while nobody else can reach them.

Nothing is disabled: production continues with this database. What will act on other systems once it is open
(subscriptions, cron jobs, foreign servers) is listed, for the operator to decide.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import psycopg

from drills.checks import manifest, suite
from drills.checks.base.outcome import first_line
from drills.checks.base.session import Connector, database_names
from drills.cutover.compare import DifferencesFound
from drills.cutover.environment import Environment
from drills.cutover.model import DATA_ADVICE, State
from drills.errors import DrillError
from drills.model.finding import CheckResult
from drills.model.instance import Instance
from drills.recovery.connect import wait_for_connection
from drills.sql import execute

_ACTIVE_FEATURES = (
    (
        "subscription",
        "select subname from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid "
        "where subenabled and datname = current_database() order by 1",
        "pg_catalog.pg_subscription",
    ),
    ("foreign server", "select srvname from pg_catalog.pg_foreign_server order by 1", "pg_catalog.pg_foreign_server"),
    ("cron job", "select jobid::text from cron.job where active order by 1", "cron.job"),
)


def check_data(env: Environment, state: State, instance: Instance) -> dict[str, Any]:
    """Run the checks of a drill; their outcomes as facts. Raises Differs where a required one is missed."""
    connect = env.connect(instance)
    wait_for_connection(
        connect, "postgres", env.clock, timeout=env.timeout, key=env.timeout_key, every=env.poll_seconds
    )
    results = _checks(env, connect)
    missed = [each for each in results if each.outcome == "missed" and _required(env, each)]
    if missed:
        raise DifferencesFound(
            f"expected the restored data to be right, found {'; '.join(f'{each.name}: {each.sentence}' for each in missed)}"
            + DATA_ADVICE
        )
    return {
        "checks": {each.name: f"{each.outcome}: {each.sentence}" for each in results},
        "acts_on_the_world": active_features(connect),
        "marker": read_marker(env, connect),
    }


def _required(env: Environment, result: CheckResult) -> bool:
    rule = env.target.checks.get(result.name)
    return (rule.requirement if rule else result.requirement) == "required"


def _checks(env: Environment, connect: Connector) -> tuple[CheckResult, ...]:
    stored = Path(env.target.manifest) if env.target.manifest else None
    try:
        key = manifest.read_key(stored) if stored else None
        expected = manifest.load(stored.read_text(encoding="utf-8"), str(stored), key) if stored else None
    except OSError as error:
        raise DrillError(f"expected the stored manifest {stored}, found: {error.strerror}: correct manifest") from error
    comparison = suite.Comparison(connect, expected, env.clock, env.target.tables, key, scratch=False, shut_off=False)
    comparison = dataclasses.replace(
        comparison, trust_code=env.target.trust_code, expects_nothing=env.target.expects == "nothing"
    )
    blocking = suite.blocking(comparison)
    return blocking if blocking[0].outcome != "met" else (*blocking, *suite.remaining(comparison))


def active_features(connect: Connector) -> list[str]:
    """Return what will act on other systems by itself: each subscription, foreign server and cron job by name."""
    found = []
    for database in database_names(connect):
        with connect(database) as session:
            for what, query, relation in _ACTIVE_FEATURES:
                try:
                    there = session.execute("select to_regclass(%s) is not null", (relation,)).fetchone()
                    rows = execute(session, query).fetchall() if there and there[0] else []
                except psycopg.errors.InsufficientPrivilege:
                    found.append(f"{what}s of {database}: may not be read")
                    continue
                found += [f"{what} {name} of {database}" for (name,) in rows]
    return found


def read_marker(env: Environment, connect: Connector) -> str:
    """Return the answer of the marker query, which the public address must show; "" without a marker query."""
    if not env.config.marker:
        return ""
    names = (
        [env.config.database]
        if env.config.database
        else [each for each in database_names(connect) if each != "postgres"]
    )
    with connect(names[0] if names else "postgres") as session:
        try:
            session.execute("set default_transaction_read_only = on")
            row = execute(session, env.config.marker).fetchone()
        except psycopg.Error as error:
            raise DrillError(
                f"expected the marker query to answer one value, found: {first_line(error)}: correct cutover.marker"
            ) from error
    if not row or row[0] is None or not str(row[0]).strip():
        raise DrillError("expected the marker query to answer one value, found none: correct cutover.marker")
    return str(row[0])
