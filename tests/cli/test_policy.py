"""Table policies on the command line of `drills manifest` and `drills verify`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from drills.cli import main as cli
from drills.cli.database import policies_of
from drills.errors import ConfigError
from tests.support.checked import MASTER, Checked, checked
from tests.support.cluster import module_state

__all__ = ["checked", "module_state"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["orders=skip: logs"], "a table with its schema"),
        (["public.orders"], "'public.orders'|found ''"),
        (["public.orders=about right"], "at least 99 %"),
        (["public.orders=up to "], "found 'up to'"),
        (["public.orders=exact", "public.orders=skip: logs"], "expected one policy for public.orders"),
    ],
)
def test_a_policy_that_is_none_is_one_sentence(given: list[str], said: str) -> None:
    """Which says what is expected and what was found."""
    with pytest.raises(ConfigError, match=said):
        policies_of(given)


def test_policies_are_read_as_the_configuration_writes_them() -> None:
    """The same syntax as in drill.toml, split at the first equals sign."""
    read = policies_of(["public.orders = up to created_at", "s.t=at least 99.5 %", "s.log=skip: a = b"])

    assert {table: str(policy) for table, policy in read.items()} == {
        "public.orders": "up to created_at", "s.t": "at least 99.5 %", "s.log": "skip: a = b",
    }  # fmt: skip


@pytest.mark.postgres
def test_what_was_written_after_the_manifest_is_let_pass_and_listed(
    checked: Checked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Up to the watermark rows are compared exactly; each table that was not compared exactly is listed."""
    monkeypatch.setenv("PGPASSWORD", checked.password)
    path, policy = (
        str(tmp_path / "m.json"),
        ["--policy", "written.late=up to id", "--policy", "written.log=at least 50 %"],
    )
    with checked.copy() as copy:
        dsn = make_conninfo("", host=str(checked.cluster.run_dir), user=MASTER, dbname=copy)
        checked.harm(
            copy,
            "create schema written authorization master",
            "create table written.late (id int primary key, word text)",
            "create table written.log (id int)",
            "insert into written.late select g, 'word' from generate_series(1, 100) g",
            "insert into written.log select g from generate_series(1, 100) g",
            "alter table written.late owner to master; alter table written.log owner to master",
        )
        assert cli.main(["manifest", dsn, "-o", path, *policy]) == 0
        checked.harm(copy, "insert into written.late values (101, 'new')", "delete from written.log where id > 60")
        capsys.readouterr()
        lenient = cli.main(["verify", dsn, "--against", path, "--json", *policy])
        said = json.loads(capsys.readouterr().out)
        strict = cli.main(["verify", dsn, "--against", path, *policy[:2]])
        capsys.readouterr()
        checked.harm(copy, "update written.late set word = 'other' where id = 7")
        changed = cli.main(["verify", dsn, "--against", path, *policy])
        shown = " ".join(capsys.readouterr().out.split())

    content = next(each for each in said["results"] if each["name"] == "content")
    assert (lenient, strict, changed) == (0, 11, 11)
    assert {(each["what"], each["reason"]) for each in content["not_checked"]} == {
        ("written.late", "compared up to id 100 only, without the rows that have no id"),
        ("written.log", "counted only: policy 'at least 50 %'"),
    }
    assert "the row with id 7" in shown
    assert "written.late: compared up to id 100 only, without the rows that have no id" in shown
