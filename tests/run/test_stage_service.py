"""The service that a run stages for its cut-over."""

from __future__ import annotations

import pytest

from drills.clock import SystemClock
from drills.errors import SandboxError
from drills.run.stage_service import wait_served


@pytest.mark.parametrize(
    ("answers", "said"),
    [([(503, '{"error": "no such\\n column"}')], '503: {"error": "no such'), ([(0, "refused")], "no answer: refused")],
)
def test_a_service_that_is_not_served_is_told_with_its_last_answer(
    monkeypatch: pytest.MonkeyPatch, answers: list[tuple[int, str]], said: str
) -> None:
    """Not how often it was asked in vain, but what it said."""
    monkeypatch.setattr("drills.cutover.public_address.get", lambda _url: answers[0])

    with pytest.raises(SandboxError) as refused:
        wait_served("http://localhost:1/", 0.0, SystemClock())
    assert said in str(refused.value)


def test_a_service_is_served_with_its_first_200(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before is no failure."""
    answers = iter([(0, "refused"), (503, "not yet"), (200, "here")])
    monkeypatch.setattr("drills.cutover.public_address.get", lambda _url: next(answers))

    wait_served("http://localhost:1/", 5.0, SystemClock())
