"""Carries a cut-over out: each step is written before it is done and after, so that anybody can go on from the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.checks.base.outcome import first_line
from drills.cutover.journal import Store
from drills.cutover.model import Entry, Event, Opening, State, opening_facts, state_of
from drills.cutover.plan import steps, title
from drills.cutover.show import next_commands, where
from drills.cutover.steps import STEPS
from drills.cutover.world import World
from drills.errors import ConfigError, DrillError


class Stopped(DrillError):
    """A step could not be done. Says where that leaves everything, and what to type next."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class Cutover:
    """One cut-over of one target, as far as its journal tells."""

    def __init__(self, world: World, store: Store, cutover_id: str, who: str) -> None:
        self._world, self._store, self._id, self._who = world, store, cutover_id, who
        self._entries = list(store.read(cutover_id))
        self._since = None if self._entries else world.clock.monotonic()

    @property
    def state(self) -> State:
        """Where it stands."""
        return state_of(self._entries)

    def _write(self, event: Event, step: str = "", facts: dict[str, Any] | None = None) -> None:
        self._world.lock.keep()
        now = self._world.clock.monotonic()
        entry = Entry(
            len(self._entries) + 1,
            self._world.clock.now(),
            self._who,
            event,
            step,
            facts or {},
            self._world.watch.drain(),
            None if self._since is None else round(now - self._since, 3),
        )
        self._since = now
        self._store.append(self._id, entry)
        self._entries.append(entry)

    def open(self, opening: Opening) -> None:
        """Begin the journal with what is known; nothing has been changed so far."""
        self._write("opened", facts=opening_facts(opening))

    def turn_back(self, discard_since: datetime | None) -> None:
        """Begin the rollback, or go on with one. Raises ConfigError where writes would be lost that nobody gave up."""
        state = self.state
        if state.mode == "back":
            return
        opened = state.writes_opened_at
        if opened is not None and (discard_since is None or discard_since > opened):
            raise ConfigError(
                f"expected leave to lose what was written since {opened:%Y-%m-%dT%H:%M:%SZ}, when the restored instance was "
                f"opened to the application; rolling back leaves those writes behind in {state.opening.aside or 'it'}: give "
                f"--discard-writes-since {opened:%Y-%m-%dT%H:%M:%SZ}"
            )
        self._write("turned back", facts={"discard_writes_since": discard_since.isoformat() if discard_since else ""})

    def go(self) -> State:
        """Do every step that is not done yet. Raises Stopped where one cannot be done."""
        for step in steps(self.state.opening, self.state.mode):
            if step.key not in self.state.done:
                self._do(step.key)
        if not self.state.ended:
            self._write("ended")
        return self.state

    def remove_old(self, name: str) -> State:
        """Remove the renamed instance, once the cut-over has ended and its name is given."""
        opening = self.state.opening
        if not self.state.ended or self.state.mode == "back" or not opening.renamed:
            raise ConfigError(
                "--remove-old: expected a cut-over that has ended well and has renamed its source, found another"
            )
        if name != opening.renamed:
            raise ConfigError(
                f'--remove-old: expected the name of the renamed instance, "{opening.renamed}", found "{name}"'
            )
        self._do("remove-old")
        self._write("ended")
        return self.state

    def _do(self, key: str) -> None:
        self._write("begin", key)
        try:
            facts = STEPS[key](self._world, self.state)
        except DrillError as error:
            raise self._stopped(key, str(error), error.exit_code) from error
        except (ClientError, BotoCoreError) as error:
            raise self._stopped(key, aws.refusal(error), DrillError.exit_code) from error
        except (psycopg.Error, OSError) as error:
            reason = first_line(error) if isinstance(error, psycopg.Error) else " ".join(str(error).split())
            raise self._stopped(key, f"the step failed: {reason}", DrillError.exit_code) from error
        self._write("done", key, facts)

    def _stopped(self, key: str, sentence: str, exit_code: int) -> Stopped:
        self._write("failed", key, {"sentence": sentence})
        state = self.state
        lines = [
            f"stopped at the step {key!r} ({title(key, state.opening)}): {sentence}",
            f"  now: {where(state)}",
            *(f"  {line}" for line in next_commands(state)),
        ]
        return Stopped("\n".join(lines), exit_code)
