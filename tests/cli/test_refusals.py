"""Seeds that are refused before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.cli import main as cli
from tests.support.ports import free_port

HEAD = b"--\n-- PostgreSQL database dump\n--\n\n"
FILES = {
    "cut.sql": HEAD + b"SET statement_timeout = 0;\nCREATE TABLE public.a (",
    "noise.dump": bytes(range(256)) * 64,
    "empty.dump": b"",
    "script.sql": b"create table a (b int);\n",
    "program.sql": HEAD
    + b"CREATE TABLE public.a (b int);\nCOPY public.a FROM PROGRAM 'id';\n--\n-- PostgreSQL database dump complete\n--\n",
    "cut.dump": b"PGDMP\x01\x0e\x00\x04\x08",
    "wide.sql": "-- PostgreSQL database dump".encode("utf-16"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the files, one folder without a dump and one whose temporary folder is its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRILL_PROFILE", raising=False)
    (tmp_path / "drill.toml").touch()
    (tmp_path / "folder").mkdir()
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    "seed",
    [
        *FILES,
        "none.dump",
        "folder",
        "postgresql://127.0.0.1:{port}/orders",
        "postgresql://database.invalid/orders",
        "postgresql://127.0.0.1:port/orders",
        "mysql://127.0.0.1/orders",
    ],
)
def test_a_bad_seed_is_refused_at_once(project: Path, seed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and one sentence that names the seed; no folder of a run, no link, no history."""
    before = sorted(project.rglob("*"))

    assert cli.main(["run", "--seed", seed.format(port=free_port())]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert seed.split("/")[2].split(":")[0] in said.err if "://" in seed else seed in said.err
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            b"[profiles.sandbox]\n",
            "carts.json is no manifest of a table: expected JSON as drills table manifest writes it",
        ),
        (b'{"schema_version": 1, "kind": "schema"}', "found the kind 'schema'"),
        (b"\xff\xfe", "carts.json, which cannot be read"),
        (None, "found no file carts.json"),
    ],
)
def test_what_is_no_manifest_of_a_table_is_refused_before_the_run_begins(
    project: Path, content: bytes | None, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2 and one sentence with the key; a run would find it after the restore."""
    if content is not None:
        (project / "carts.json").write_bytes(content)
    (project / "drill.toml").write_text('[targets.carts]\ntable = "carts"\nvault = "vault"\nmanifest = "carts.json"\n')
    before = sorted(project.rglob("*"))

    assert cli.main(["run"]) == 2

    said = capsys.readouterr().err
    assert "targets.carts.manifest: " in said
    assert found in said
    assert said.count("\n") == 1
    assert sorted(project.rglob("*")) == before
