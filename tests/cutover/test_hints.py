"""What a cut-over tells while it goes on, and which commands it shows: with the options that were given."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from drills.cli import cutover as command
from drills.cli.main import parse
from drills.cutover import show
from drills.cutover.afterwards import remaining_tasks
from drills.cutover.journal import FolderStore
from drills.cutover.model import replay_journal
from drills.cutover.run import Cutover, CutoverStopped
from drills.cutover.steps import STEPS
from drills.errors import DrillError
from tests.support.clock import HandClock
from tests.support.moves import OPENING, entries_of


class Told(NamedTuple):
    """What a cut-over without steps needs, with what it told."""

    given: tuple[str, ...]
    told: list[str]
    clock: HandClock
    lock: Any
    watch: Any

    def tell(self, line: str) -> None:
        """Keep a line."""
        self.told.append(line)


def told_by(*given: str) -> Told:
    """Collaborators that do nothing."""
    lock, watch = SimpleNamespace(renew=lambda: None), SimpleNamespace(drain=tuple)
    return Told(given, [], HandClock(), lock, watch)


GIVEN = show.given_options(config="/my files/drill.toml", profile="aws", target="orders", confirm="orders")
WORDS = "--config '/my files/drill.toml' --profile aws --target orders --confirm orders"


class TestWhatIsTypedNext:
    """Every command that is shown repeats the options that were given, so that it finds the same target as it is."""

    def test_the_commands_of_a_stop(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The step is told when it begins; then where everything is, and both ways with the options of this one."""
        monkeypatch.setitem(STEPS, "suspend-scaling", _failing)
        store, env = FolderStore(tmp_path), told_by(*GIVEN)
        cutover = Cutover(env, store, "x", "me")  # type: ignore[arg-type]
        cutover.open(OPENING)
        with pytest.raises(CutoverStopped) as stopped:
            cutover.carry_out()
        known = OPENING.id
        assert f"then: drills cutover resume {known} {WORDS}" in str(stopped.value)
        assert f"or back: drills cutover rollback {known} {WORDS}" in str(stopped.value)
        assert [each.split("  ")[1] for each in env.told] == ["suspend the scaling of the services"]

    def test_one_that_is_done_has_nothing_left_to_do(self, tmp_path: Path) -> None:
        """It is said, and nothing is written."""
        store, env = FolderStore(tmp_path), told_by()
        entries = entries_of(OPENING)
        for each in entries:
            store.append("x", each)
        state = Cutover(env, store, "x", "me").carry_out()  # type: ignore[arg-type]
        assert (state.ended, env.told, len(store.read("x"))) == (True, ["nothing was left to do"], len(entries))

    def test_what_is_left_to_a_person(self) -> None:
        """The removal of the old instance too; a rollback after writes has the permission that it needs."""
        opening = OPENING
        removal = next(each for each in remaining_tasks(opening, "sg-1", GIVEN) if "--remove-old" in each)
        assert removal.startswith(f"drills cutover resume {opening.id} --remove-old {opening.renamed} {WORDS} ")
        state = replay_journal(entries_of(opening))
        back = show.rollback_command(state, GIVEN)
        assert back.startswith(f"drills cutover rollback {opening.id} --discard-writes-since ")
        assert back.endswith(WORDS)


def test_the_command_line_gives_its_options_on_and_tells_at_once(tmp_path: Path) -> None:
    """What was typed is repeated and nothing else is; a line stands in a file or a pipe before the next step begins."""
    words = ["cutover", "run", "--target", "orders", "--profile", "aws", "--confirm", "orders", "--accept-sessions"]
    assert command._given(parse(words)) == ("--profile", "aws", "--target", "orders", "--confirm", "orders")
    assert command._given(parse(["cutover", "resume"])) == ()
    with (tmp_path / "log").open("w") as stream:
        command._tell(stream, "rename the source")
        assert (tmp_path / "log").read_text() == "rename the source\n"


def _failing(_env: object, _state: object) -> dict[str, Any]:
    raise DrillError("it cannot be")
