"""`drills localstack` before anything is drilled: what is missing, what is refused, and that what was started is ended."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from drills.cli import main as cli
from drills.cli.localstack import container
from tests.support.paths import CHECKOUT
from tests.support.ports import free_port

TOKEN = "ls-not-a-real-one"
# what the localstack program does with Docker: a process that answers like it, of which `stop` is the end
PROGRAM = """#!{python}
import os, pathlib, signal, subprocess, sys
here = pathlib.Path({folder!r})
with open(here / "called", "a") as called:
    called.write(" ".join(sys.argv[1:]) + (" with its token" if os.environ.get("LOCALSTACK_AUTH_TOKEN") else "") + "\\n")
if sys.argv[1] == "start":
    served = subprocess.Popen([sys.executable, "-c", {server!r}, {port!r}], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (here / "pid").write_text(str(served.pid))
else:
    os.kill(int((here / "pid").read_text()), signal.SIGTERM)
"""
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write({page!r})
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def program(folder: Path, name: str, text: str) -> None:
    """An executable file."""
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_all_that_is_missing_is_one_sentence_and_exit_code_12(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Docker, the token and the program; a token that is there is not shown."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(container.TOKEN, raising=False)
    assert cli.main(["localstack"]) == 12
    everything = capsys.readouterr().err
    program(tmp_path, "docker", "#!/bin/sh\necho no daemon. >&2\nexit 1\n")
    program(tmp_path, "localstack", "#!/bin/sh\nexit 0\n")
    monkeypatch.setenv(container.TOKEN, TOKEN)
    assert cli.main(["localstack"]) == 12
    docker_alone = capsys.readouterr().err

    assert (
        "found no Docker that answers (no program of that name); no LOCALSTACK_AUTH_TOKEN; no localstack program "
        in everything
    )
    assert everything.count("\n") == 1
    assert "found no Docker that answers (docker version" in docker_alone
    assert "ended with 1: no daemon); add what is missing" in docker_alone
    assert TOKEN not in docker_alone


def test_what_was_started_is_ended_where_its_edition_has_no_rds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its health page is waited for and read; the sentence names what it lacks, and its process is gone afterwards."""
    recorded = json.loads((CHECKOUT / "tests/aws/localstack_answers.json").read_text())["health"]
    port = free_port()
    server = SERVER.format(page=json.dumps(recorded).encode())
    text = PROGRAM.format(python=sys.executable, folder=str(tmp_path), server=server, port=str(port))
    program(tmp_path, "localstack", text)
    program(tmp_path, "docker", "#!/bin/sh\nexit 0\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv(container.TOKEN, TOKEN)
    monkeypatch.setattr(container, "URL", f"http://127.0.0.1:{port}")

    assert cli.main(["localstack"]) == 12
    assert 'found no rds in its edition "unknown", version 2026.3.0' in capsys.readouterr().err
    assert (tmp_path / "called").read_text().splitlines() == [
        "start -d --no-banner with its token",
        "stop with its token",
    ]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_what_answers_there_already_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started or stopped beside it, and the option that drills it is named."""
    program(tmp_path, "localstack", f"#!/bin/sh\ntouch {tmp_path}/called\n")
    program(tmp_path, "docker", "#!/bin/sh\nexit 0\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv(container.TOKEN, TOKEN)
    monkeypatch.setattr(container, "_answers", lambda url: True)

    assert cli.main(["localstack"]) == 12
    assert "found that something answers there: to drill that, --endpoint-url" in capsys.readouterr().err
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("url", ["http://10.0.0.1:4566", "https://rds.eu-central-1.amazonaws.com", "localhost:4566"])
def test_a_source_is_made_on_this_machine_alone(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Another host is wrong usage, before anything is asked of it."""
    assert cli.main(["localstack", "--endpoint-url", url]) == 2
    assert "expected an endpoint on this machine" in capsys.readouterr().err
