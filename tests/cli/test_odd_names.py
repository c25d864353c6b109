"""Names that SQL, format strings and placeholders read otherwise: `drills manifest` and `drills verify` take them as names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from drills.cli import main as cli
from drills.sandbox.postgres.cluster import ADMIN, Cluster
from tests.support.cluster import default, state
from tests.support.odd_names import NAMES, fill

__all__ = ["default", "state"]


@pytest.mark.postgres
def test_a_database_of_odd_names_is_verified_by_every_check(
    default: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No kind of object with such a name ends a check: an honest copy is verified, and exit code 0."""
    with default.connect() as session:
        session.execute("create database odd")
    with default.connect("odd") as session:
        fill(session)
    with default.connect() as session:
        session.execute("create database copy template odd")
        monkeypatch.setenv("PGPASSWORD", session.info.password)
    odd, copy = (make_conninfo("", host=str(default.run_dir), user=ADMIN, dbname=name) for name in ("odd", "copy"))
    path = tmp_path / "odd.json"

    assert cli.main(["manifest", odd, "-o", str(path)]) == 0
    capsys.readouterr()
    status = cli.main(["verify", copy, "--against", str(path), "--json"])
    results = json.loads(capsys.readouterr().out)["results"]

    assert [
        result["sentence"] for result in results if result["outcome"] != "met" and result["requirement"] == "required"
    ] == []
    assert status == 0
    compared = {result["name"]: result["compared"] for result in results}
    assert compared["indexes"] >= 7 * len(NAMES)
    assert compared["constraints"] >= 7 * len(NAMES)
    assert cli.main(["verify", copy, "--against", str(path)]) == 0
