"""A library that fails while it opens or sends: nobody else goes without, and no address is repeated."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drills.config.load import Config, load
from drills.errors import DrillError
from drills.files import locked_folder
from drills.model.notice import Notice
from drills.notices import services
from drills.notices.send import Delivery, Outcome, look_at_topic, places_of, send

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ADDRESS = "https://token@chat.example/hook"
FAILED = Notice(("failure",), "aws", "orders", False, "drill of orders: failed", ("why",), "11", "run-1")


class Service:
    """A service that keeps what it is sent, or fails as it is told."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name, self.error = name, error
        self.taken: list[Notice] = []

    def send(self, notice: Notice, key: str) -> None:
        """Keep it, or fail."""
        if self.error:
            raise self.error
        self.taken.append(notice)


def config(folder: Path, table: str = 'urls = "env:TOLD"') -> Config:
    """A configuration of the sandbox whose [notices] has these keys."""
    (folder / "drill.toml").write_text(f"[notices]\n{table}\n[targets.orders]\n")
    return load(folder / "drill.toml", profile="sandbox", target=None, environment={})


def sent(folder: Path, monkeypatch: pytest.MonkeyPatch, opened: Sequence[Service] | Exception) -> Outcome:
    """Send to services that a library opens so, or fails to open."""

    def open_urls(_: object) -> Sequence[Service]:
        if isinstance(opened, Exception):
            raise opened
        return opened

    monkeypatch.setattr(services, "open_urls", open_urls)
    return send(FAILED, config(folder), {"TOLD": ADDRESS}, NOW, path=folder / "told.json")


def test_a_fault_of_a_library_is_told_by_its_kind_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text may hold the address, with the token; a sentence of ours stands as it is, and the last one gets the notice."""
    good = Service("mail")
    faults = (Service("chat", ValueError(ADDRESS)), Service("pager", DrillError("the pager is full")), good)
    outcome = sent(tmp_path, monkeypatch, faults)

    assert outcome.deliveries == (
        Delivery("chat", "expected it to take the notice, found ValueError"),
        Delivery("pager", "the pager is full"),
        Delivery("mail"),
    )
    assert good.taken == [FAILED]


def test_addresses_that_a_library_cannot_open_are_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of drill.toml is named, and the same notice is sent again, since it has reached nobody."""
    outcome = sent(tmp_path, monkeypatch, RuntimeError(ADDRESS))
    assert outcome.deliveries == (Delivery("[notices] urls", "expected to open it, found RuntimeError"),)

    assert sent(tmp_path, monkeypatch, [good := Service("mail")]).not_sent == ""
    assert good.taken == [FAILED]


def test_a_topic_needs_an_aws_that_outlives_the_run(tmp_path: Path) -> None:
    """That of the sandbox ends with it: refused with where the topic belongs; who would be told is known without AWS."""
    wanted = config(tmp_path, 'urls = "env:TOLD"\ntopic = "arn:aws:sns:eu-central-1:123456789012:drills"')

    assert places_of(wanted) == ("the services whose addresses are in env:TOLD", "SNS topic drills")
    with pytest.raises(DrillError, match=r"write topic, .* into \[profiles\.NAME\.notices\]"):
        look_at_topic(wanted)


def test_of_two_commands_that_end_at_once_one_alone_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one waits until it is known whether somebody was reached: it is folded then, and counted."""
    asked, others = threading.Event(), list[Outcome]()

    def noticed(*given: Any, **named: Any) -> Any:
        asked.set()
        return locked_folder(*given, **named)

    class Slow(Service):
        def send(self, notice: Notice, key: str) -> None:
            """Be overtaken by the other command, if it can."""
            super().send(notice, key)
            if not others and len(self.taken) == 1:
                monkeypatch.setattr("drills.notices.fold.locked_folder", noticed)
                other.start()
                asked.wait(60)
                other.join(0.3)

    mail = Slow("mail")
    other = threading.Thread(target=lambda: others.append(sent(tmp_path, monkeypatch, [mail])))
    first = sent(tmp_path, monkeypatch, [mail])
    other.join()

    assert (first.deliveries, mail.taken) == ((Delivery("mail"),), [FAILED])
    assert [(each.deliveries, "it was folded" in each.not_sent) for each in others] == [((), True)]
