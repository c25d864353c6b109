"""The commands of docs/handing-over.md, run against a server of our own that looks at what arrives."""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drills.record import to_json
from tests.documents import pages
from tests.support.answering import Request, answering
from tests.support.controls_record import real_drill
from tests.support.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "handing-over.md"
HOSTS = ("https://api.vanta.com", "https://public-api.drata.com")
pytestmark = pytest.mark.skipif(
    not all(shutil.which(name) for name in ("bash", "curl", "jq", "sha256sum")), reason="needs curl, jq and sha256sum"
)


@dataclass
class Service:
    """A server that keeps what arrives, and answers with `status`."""

    url: str = ""
    status: int = 200
    arrived: list[Request] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    """The server, on loopback."""
    kept = Service()

    def answer(request: Request) -> tuple[int, bytes]:
        kept.arrived.append(request)
        return kept.status, b"{}"

    with answering("POST", answer) as kept.url:
        yield kept


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle with what the commands read."""
    folder = tmp_path / "evidence" / "aws-orders" / "0042-20261123-141503-a1b2"
    folder.mkdir(parents=True)
    (folder / "report.pdf").write_bytes(b"%PDF-1.7 a report")
    (folder / "drill.json").write_text(to_json(real_drill()), encoding="utf-8")
    (folder / "SHA256SUMS").write_text(f"{'a' * 64}  drill.json\n", encoding="utf-8")
    return folder


def run(which: str, service: Service, bundle: Path, **names: str) -> list[subprocess.CompletedProcess[str]]:
    """Run the commands of the page that have a word in them, with the services' hosts replaced by the server."""
    texts = [command.text for command in pages.commands(PAGE)]
    chosen = [text for text in texts if which in text]
    assert chosen
    done = []
    for text in chosen:
        for host in HOSTS:
            text = text.replace(host, service.url)
        environment = {"PATH": os.environ["PATH"], "BUNDLE": str(bundle), "NO_PROXY": "127.0.0.1", **names}
        done.append(
            subprocess.run(["bash", "-c", text], cwd=bundle.parents[2], env=environment, capture_output=True, text=True)
        )
    return done


def test_vanta_gets_the_report_and_the_submission(service: Service, bundle: Path) -> None:
    """The file arrives as multipart/form-data in the field `file`, with type and name; then the document is submitted."""
    done = run("VANTA_TOKEN", service, bundle, VANTA_TOKEN="word", DOCUMENT="backup-restoration")

    assert [(each.returncode, each.stderr) for each in done] == [(0, ""), (0, "")]
    upload, submit = service.arrived
    assert (upload.method, upload.path) == ("POST", "/v1/documents/backup-restoration/uploads")
    assert (submit.method, submit.path, submit.body) == ("POST", "/v1/documents/backup-restoration/submit", b"")
    assert upload.headers["Authorization"] == submit.headers["Authorization"] == "Bearer word"
    head = f"Content-Type: {upload.headers['Content-Type']}\r\n\r\n".encode()
    (part,) = email.message_from_bytes(head + upload.body, policy=email.policy.default).iter_parts()
    assert part.get_param("name", header="content-disposition") == "file"
    assert part.get_filename() == "drill-0042-20261123-141503-a1b2.pdf"
    assert part.get_content_type() == "application/pdf"
    assert part.get_payload(decode=True) == b"%PDF-1.7 a report"


def test_drata_gets_a_record_that_leads_to_the_bundle(service: Service, bundle: Path) -> None:
    """The record is JSON below `data`, with the digest of SHA256SUMS, and whether the run was simulated."""
    made, sent = [
        *run("jq --arg", service, bundle),
        *run("DRATA_KEY", service, bundle, DRATA_KEY="word", CONNECTION="12", RESOURCE="7"),
    ]

    assert [(each.returncode, each.stderr) for each in (made, sent)] == [(0, ""), (0, "")]
    (arrived,) = service.arrived
    assert (arrived.method, arrived.path) == ("POST", "/public/v2/custom-connections/12/resources/7/records")
    assert arrived.headers["Authorization"] == "Bearer word"
    assert arrived.headers["Content-Type"] == "application/json"
    record = real_drill()
    assert json.loads(arrived.body) == {
        "data": {
            "id": record.run_id,
            "target": "orders",
            "profile": "aws",
            "simulated": False,
            "startedAt": "2026-11-23T14:15:03Z",
            "endedAt": "2026-11-23T14:16:03Z",
            "exitCode": 0,
            "level": None,
            "bundle": hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest(),
            "rtaSeconds": next(each.seconds for each in record.measurements if each.name == "RTA"),
            "rpaSeconds": next(each.seconds for each in record.measurements if each.name == "RPA"),
        }
    }


@pytest.mark.parametrize(("which", "names"), [("VANTA_TOKEN", {"DOCUMENT": "x"}), ("DRATA_KEY", {"CONNECTION": "1"})])
def test_an_answer_that_refuses_is_seen(service: Service, bundle: Path, which: str, names: dict[str, str]) -> None:
    """The command fails where the service does not take what it was handed."""
    service.status = 403
    (bundle.parents[2] / "record.json").write_text("{}", encoding="utf-8")

    for each in run(which, service, bundle, **names, **{which: "word"}):
        assert each.returncode == 22
        assert "403" in each.stderr
