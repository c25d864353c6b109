"""A damaged manifest never verifies a copy that differs from what it says, and never ends in a traceback."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from drills.checks import manifest
from drills.sandbox.postgres.cluster import ADMIN, PORT, Cluster
from tests.fuzz.entry import Ended, call, names
from tests.fuzz.mutations import at, damaged, damaged_json, few, places
from tests.support.cluster import cluster_in, make, module_state, preferred

__all__ = ["module_state"]
pytestmark = pytest.mark.postgres
NAME = "orders.json"
FILL = """
create table orders (id int primary key, total numeric, created_at timestamptz default now());
insert into orders (id, total) select g, g from generate_series(1, 10) g;
create view open_orders as select id from orders where total > 5;
create sequence tickets start 7;
select lo_create(4711);
"""
# what no manifest lacks, whichever version took it; what an older one lacks is not compared
CONTENT = ("rows", "fingerprint", "public.orders", "public.tickets", "4711")
# what says how the manifest was made, and none of what the database contains
ABOUT = {"calibration", "taken_at", "workers", "held_seconds", "server", "seconds"}


@dataclass(frozen=True)
class Honest:
    """A database, and the text of the manifest that was just taken of it."""

    dsn: str
    text: str

    def verify(self, content: bytes) -> Ended:
        """Verify the database against this file."""
        with tempfile.TemporaryDirectory() as made:
            (Path(made) / NAME).write_bytes(content)
            return call(Path(made), "verify", self.dsn, "--against", NAME, "--json", "--trust-code")


@pytest.fixture(scope="module")
def honest(module_state: Path) -> Iterator[Honest]:
    """A small database that nobody changes."""
    cluster: Cluster = cluster_in(module_state, preferred(), "fuzz")
    make(cluster)
    cluster.start()
    try:
        with cluster.connect() as session:
            session.execute("create database shop")
        with cluster.connect("shop") as session:
            session.execute(FILL.encode())
        dsn = make_conninfo(
            "",
            host=str(cluster.run_dir),
            port=PORT,
            user=ADMIN,
            password=cluster._password,
            dbname="shop",
        )
        with tempfile.TemporaryDirectory() as made:
            assert call(Path(made), "manifest", dsn, "-o", NAME, "--trust-code").code == 0
            yield Honest(dsn, (Path(made) / NAME).read_text(encoding="utf-8"))
    finally:
        cluster.kill()


def digested(body: Any) -> bytes:
    """A manifest whose digest fits what it says, whatever that is: the sections below are read, and not the digest alone."""
    return json.dumps({"digest": manifest._digest(body), "manifest": body}).encode()


def changed(before: Any, after: Any) -> list[str]:
    """The places in which two bodies say something else of the content of a database, the innermost alone."""
    found = [path for path in {*places(before), *places(after)} if _get(before, path) != _get(after, path)]
    inner = [path for path in found if not any(other[: len(path)] == path for other in found if other != path)]
    return [".".join(map(str, path)) for path in inner if not ABOUT & set(map(str, path))]


def _get(whole: Any, path: tuple[Any, ...]) -> Any:
    try:
        return repr(at(whole, path))
    except (KeyError, IndexError, TypeError):
        return None


def test_the_honest_manifest_verifies(honest: Honest) -> None:
    """What is damaged below is right before: else each refusal would be of something else."""
    said = honest.verify(honest.text.encode())
    assert said.code == 0, said.out
    assert honest.verify(digested(json.loads(honest.text)["manifest"])).code == 0


@settings(max_examples=few(15))
@given(st.data())
def test_a_damaged_file_is_refused_by_its_name(honest: Honest, data: st.DataObject) -> None:
    """Its digest does not fit, or it is no manifest at all: exit code 2, unless it says what it said before."""
    content = data.draw(damaged_json(honest.text))
    said = honest.verify(content)
    if said.code == 0:
        assert json.loads(content)["manifest"] == json.loads(honest.text)["manifest"]
    else:
        assert said.code == 2, said
        assert names(said, NAME), said
        assert said.err.count("\n") == 1, said


@settings(max_examples=few(15))
@given(st.data())
def test_a_manifest_that_says_something_else_verifies_nothing(honest: Honest, data: st.DataObject) -> None:
    """Made anew with a digest that fits, as who forges one would: a difference (11), not verified (12) or refused (2)."""
    body = json.loads(honest.text)["manifest"]
    below = data.draw(
        st.sampled_from([(), ("databases", "shop"), ("databases", "shop", "contents"), ("cluster",), ("settings",)])
    )
    forged = data.draw(damaged(body, below))
    said = honest.verify(digested(forged))
    if said.code == 0:
        told = [each for each in changed(body, forged) if each.endswith(CONTENT) or ".catalog." in each]
        assert told == [], "expected that a difference is found there"
    elif said.code == 2:
        assert names(said, NAME), said
