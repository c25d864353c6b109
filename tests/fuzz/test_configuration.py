"""A damaged drill.toml is refused in a sentence with its name, or means what it says: `run --dry-run`, `posture` and the like."""

from __future__ import annotations

import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drills.run import supervisor
from tests.fuzz.entry import call, names
from tests.fuzz.mutations import damaged, damaged_text, few
from tests.support.certificates import RDS, root
from tests.support.paths import CHECKOUT

FULL = """
[drill]
profile = "live"
target = "orders"
history = "history.jsonl"
[evidence]
folder = "evidence"
[profiles.live]
kind = "aws"
accounts = ["000000000000"]
regions = ["eu-central-1"]
poll_every = "10s"
allow = ["cuts_over"]
[targets.orders]
instance = "orders"
vault = "vault"
rto = "30m"
rpo = "24h"
timeout = "1h"
time_to_live = "2h"
invariants = "invariants"
tags = { team = "shop" }
tables = { "public.orders" = "up to created_at", "public.log" = "skip: a log" }
limits = { call = "30s", features = "2h", clean_up = "10m" }
restore = { subnet_group = "drills", security_group = "sg-0a1b2c3d", make_parameter_group = true, ca_bundle = "rds.pem" }
[[targets.orders.queries]]
name = "sales"
sql = "select 1"
target = "2s"
[[targets.orders.acknowledged]]
check = "catalog"
object = "table shop.orders"
found = "owner app_old"
reason = "old tool"
author = "Ada"
until = 2027-01-01
severity = "error"
"""
SHIPPED = (CHECKOUT / "drill.toml").read_text(encoding="utf-8")
EXAMPLES = (FULL, SHIPPED)
NAME = "drill.toml"


@pytest.fixture(scope="module", autouse=True)
def nothing_is_started() -> Any:
    """A client of AWS, or a process of a run, is an error: what is tried here must end before them."""
    patch = pytest.MonkeyPatch()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("expected that nothing is started or asked")

    patch.setattr(supervisor, "run", refuse)
    patch.setattr(boto3.Session, "client", refuse)
    patch.delenv("DRILL_PROFILE", raising=False)
    yield
    patch.undo()


def toml(value: Any) -> str:
    """A value as TOML, tables in one line; null, which TOML lacks, as a word that it refuses."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return str(value)
    if value is None or isinstance(value, bool | str | int):
        return json.dumps(value)
    return str(value)  # a date


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """The bytes of a damaged drill.toml."""
    text = draw(st.sampled_from(EXAMPLES))
    if draw(st.integers(0, 4)) == 0:
        return draw(damaged_text(text))
    found = draw(damaged(tomllib.loads(text)))
    return "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in found.items()).encode(
        "utf-8", "surrogatepass"
    )


def tried(content: bytes, *arguments: str) -> tuple[Any, Path]:
    """How a command ends in a folder with this drill.toml, and the folder."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        (folder / NAME).write_bytes(content)
        (folder / "rds.pem").write_text(root(*RDS))
        (folder / "invariants").mkdir()
        (folder / "invariants/positive.sql").write_text("-- totals are positive\nselect 1 where false\n")
        said = call(folder, *arguments)
        assert sorted(each.name for each in folder.iterdir()) == [NAME, "invariants", "rds.pem"], (
            "expected that nothing is written"
        )
        return said, folder


def test_the_examples_are_whole() -> None:
    """What is damaged below is right before: else each refusal would be of something else."""
    for text in EXAMPLES:
        said, _ = tried(text.encode(), "run", "--dry-run", "--json")
        assert said.code == 0, said.err
        assert said.err == ""


@settings(max_examples=few(40))
@given(files())
def test_a_dry_run_says_what_it_would_do_or_names_the_file(content: bytes) -> None:
    """Exit code 0 with facts that are JSON, or 2 with one line that names drill.toml, or the key."""
    said, folder = tried(content, "run", "--dry-run", "--json")
    assert said.code in (0, 2), said
    if said.code == 0:
        assert json.loads(said.out)
    else:
        keys = ("targets.", "profiles.", "drill.", "evidence.", "--", str(folder), "invariants")
        assert names(said, NAME) or any(key in said.err for key in keys), said.err
        assert said.err.count("\n") == 1, said.err
        assert len(said.err) < 2000, "expected that a value of thousands of letters is not repeated"


@settings(max_examples=few(15))
@given(files(), st.sampled_from([("history",), ("ledger", "list"), ("steps",)]))
def test_what_reads_a_part_of_it_ends_in_a_sentence_too(content: bytes, arguments: tuple[str, ...]) -> None:
    """Commands that need a single key of the file."""
    said, _ = tried(content, *arguments)
    assert said.code in (0, 2), said
