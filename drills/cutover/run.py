"""Carries out a cut-over: each step is recorded before and after it, so that anybody can continue from the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from drills.aws import read as aws
from drills.checks.base.outcome import first_line
from drills.cutover.environment import Environment
from drills.cutover.journal import JournalStore
from drills.cutover.model import Entry, Event, Opening, State, opening_facts, replay_journal
from drills.cutover.plan import steps, title
from drills.cutover.show import next_commands, situation
from drills.cutover.steps import STEPS
from drills.errors import ConfigError, DrillError


class CutoverStopped(DrillError):
    """A step failed; the message gives the situation and what to type next."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


class Cutover:
    """One cut-over of one target, with its journal."""

    def __init__(self, env: Environment, store: JournalStore, cutover_id: str, who: str) -> None:
        self._env, self._store, self._id, self._who = env, store, cutover_id, who
        self._entries = list(store.read(cutover_id))
        self._since = None if self._entries else env.clock.monotonic()

    @property
    def state(self) -> State:
        """The state that the journal gives."""
        return replay_journal(self._entries)

    def _write(self, event: Event, step: str = "", facts: dict[str, Any] | None = None) -> None:
        self._env.lock.renew()
        now = self._env.clock.monotonic()
        entry = Entry(
            len(self._entries) + 1,
            self._env.clock.now(),
            self._who,
            event,
            step,
            facts or {},
            self._env.watch.drain(),
            None if self._since is None else round(now - self._since, 3),
        )
        self._since = now
        self._store.append(self._id, entry)
        self._entries.append(entry)

    def open(self, opening: Opening) -> None:
        """Write the first entry of the journal; nothing has been changed so far."""
        self._write("opened", facts=opening_facts(opening))

    def begin_rollback(self, discard_since: datetime | None) -> None:
        """Begin the rollback, unless it has begun. Raises ConfigError where writes would be lost without permission."""
        state = self.state
        if state.mode == "back":
            return
        opened = state.writes_opened_at
        if opened is not None and (discard_since is None or discard_since > opened):
            raise ConfigError(
                f"expected permission to lose what was written since {opened:%Y-%m-%dT%H:%M:%SZ}, when the restored instance was "
                f"opened to the application; rolling back leaves those writes behind in {state.opening.aside or 'it'}: give "
                f"--discard-writes-since {opened:%Y-%m-%dT%H:%M:%SZ}"
            )
        self._write("turned back", facts={"discard_writes_since": discard_since.isoformat() if discard_since else ""})

    def carry_out(self) -> State:
        """Do every step that is not done yet. Raises Stopped where one cannot be done."""
        if self.state.ended:
            self._env.tell("nothing was left to do")
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
        self._env.tell(f"{self._entries[-1].at:%H:%M:%S} UTC  {title(key, self.state.opening)}")
        try:
            facts = STEPS[key](self._env, self.state)
        except DrillError as error:
            raise self._stopped(key, str(error), error.exit_code) from error
        except (ClientError, BotoCoreError) as error:
            raise self._stopped(key, aws.refusal(error), DrillError.exit_code) from error
        except (psycopg.Error, OSError) as error:
            reason = first_line(error) if isinstance(error, psycopg.Error) else " ".join(str(error).split())
            raise self._stopped(key, f"the step failed: {reason}", DrillError.exit_code) from error
        self._write("done", key, facts)

    def _stopped(self, key: str, sentence: str, exit_code: int) -> CutoverStopped:
        self._write("failed", key, {"sentence": sentence})
        state = self.state
        lines = [
            f"stopped at the step {key!r} ({title(key, state.opening)}): {sentence}",
            f"  now: {situation(state)}",
            *(f"  {line}" for line in next_commands(state, self._env.given)),
        ]
        return CutoverStopped("\n".join(lines), exit_code)
