"""Supervises a run so that nothing is left behind, however it ends.

Two processes. The one that the user started (`run`) shows the progress and holds a pipe. The other, `python -m
drills.run.supervisor FOLDER`, in a session of its own, starts the commands of the `Plan` one after another and reads that
pipe: a signal's name, or the end of the pipe because its holder was killed, ends the running command and begins the
clean-up, which nothing but SIGKILL interrupts. When the supervisor itself is killed, its commands notice it (their
stdin ends) and `run` does the clean-up.

Files in the run's folder, readable by their owner only as all that the commands write: `.plan.json` (the plan, until the end),
`.service.json` (what the service printed when it was ready, until the end), `.outcome.json` (`Outcome`, written at
every change: the `finally` commands read what has happened so far), `run.log` and `<command>.log`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from drills import work_folder
from drills.clock import SystemClock
from drills.files import append_or_discard, append_privately, open_privately, write_privately
from drills.private_process import PRIVATE_UMASK, forbid_core_dumps
from drills.run import lifeline, signals, warm
from drills.run.plan import (
    SERVICE_NAME,
    Command,
    Outcome,
    Plan,
    read_outcome,
    read_plan,
    remove_messages,
    without_pytests,
    write_outcome,
    write_plan,
)

__all__ = ["Command", "Outcome", "Plan", "main", "read_outcome", "run"]

LOG_NAME = "run.log"
# the errors (errno) of an output that cannot be written to any more: its reader, its terminal or the room for it has gone
_BROKEN = (errno.EPIPE, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TICK = 0.05  # seconds between two looks at why to stop; the end of a command is noticed at once


def run(
    plan: Plan,
    folder: Path,
    follow: Callable[[Callable[[], bool]], None],
    came: Sequence[str] = (),
    held: Sequence[int] = (),
    of_fleet: bool = False,
) -> Outcome:
    """Run the plan under a supervisor and return its outcome; `folder` exists and gets the files.

    `came` has the signals that came before; the first of them ends the run as one that comes now. `held` are open files
    whose locks say that the run goes on: until both processes have ended. `of_fleet`: stdin is the lifeline of its fleet.

    `follow(ended)` is called in this process, in the main thread, to show the progress until `ended()` is True; it may
    return early. SIGINT, SIGTERM and SIGHUP, the end of tox when that has started this process, and an exception in
    `follow` (raised again at the end, but for a broken output) begin the clean-up and are ignored from then on, also
    after this has returned. Returns when everything has ended; output that nobody can read any more then goes nowhere.
    """
    write_plan(folder, plan)
    before = {found.pid for found in lifeline.descendants(os.getpid())}
    lifeline.adopt_orphans()  # should the supervisor be killed, its commands can still be found
    reader, writer = os.pipe()
    reasons: list[str] = []
    with signals.to_lifeline(writer, reasons) as report:
        supervisor = _start_supervisor(folder, reader, held)
        lifeline.watch_parents(report, of_fleet=of_fleet)
        for reason in tuple(came):
            report(reason)
        try:
            follow(lambda: lifeline.has_ended(supervisor))
        except BaseException as error:
            broken = isinstance(error, OSError) and error.errno in _BROKEN
            report(signals.output_closed() if broken else f"{type(error).__name__} while the progress was shown")
            if not broken:
                raise
        finally:
            supervisor.wait()
            outcome = read_outcome(folder)
            if supervisor.returncode == 0:  # it has cleaned up, also where it could not write that down
                outcome = dataclasses.replace(outcome, ended=True)
            if not outcome.ended:
                outcome = _clean_up_after(supervisor.pid, plan, folder, before)
            lifeline.adopt_orphans(False)
        if reasons or outcome.interrupted_by:  # too late too: our reader may be gone; no signal gets between
            signals.ignore()
            signals.silence()
    return outcome


def _start_supervisor(folder: Path, reader: int, held: Sequence[int]) -> subprocess.Popen[bytes]:
    with append_privately(folder / LOG_NAME) as log:
        started = subprocess.Popen(
            [sys.executable, "-m", "drills.run.supervisor", str(folder.absolute())],
            stdin=reader,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=tuple(held),
        )
    os.close(reader)
    return started


def _clean_up_after(session: int, plan: Plan, folder: Path, before: set[int]) -> Outcome:
    """Clean up in place of a supervisor that was killed, whose commands notice that and end by themselves."""
    outcome = read_outcome(folder)
    limits = {command.name: command.limit for command in plan.commands if command.kind == "finally"}
    timeout = limits.get(outcome.running, plan.service_grace + plan.grace)

    def left() -> list[psutil.Process]:
        mine = [found for found in lifeline.descendants(os.getpid()) if found.pid not in before]
        return [*mine, *lifeline.in_session(session)]

    if not lifeline.wait_gone(left, timeout, ()):
        lifeline.kill(left, ())
    supervision = _Supervision(plan, folder, outcome, owns_session=False)
    supervision.reasons.append("its supervisor was killed")
    supervision.clean_up()
    return supervision.outcome


class _Supervision:
    """One plan being carried out: its open processes, what has been noted, and the reasons to stop."""

    def __init__(self, plan: Plan, folder: Path, outcome: Outcome, *, owns_session: bool) -> None:
        self.plan = plan
        self.owns_session = owns_session  # every other process in it, and below this one, is the run's
        self.folder = folder
        self.outcome = outcome
        # only appended to by the lifeline's thread and the signal handlers: an Event's lock could be held by the very
        # code that a handler interrupts
        self.reasons: list[str] = []
        self.services: dict[str, lifeline.Child] = {}
        self.ready: set[str] = set()
        self.held: int | None = None  # the work folder's mark, locked until this process ends
        self.children: set[int] = set()
        self.loading = warm.Loading(plan.commands if owns_session else ())  # not in A, which has other things to do

    def note(self, **changes: Any) -> None:
        """Change the outcome and write it down; a full disk must not stop the clean-up."""
        self.outcome = dataclasses.replace(self.outcome, **changes)
        with _log_and_continue():
            write_outcome(self.folder, self.outcome)

    def carry_out(self) -> None:
        """Run services and steps, until a needed one fails or there is a reason to stop."""
        if self.plan.work:
            try:
                os.mkdir(self.plan.work, 0o700)
                os.chmod(self.plan.work, 0o711 if os.geteuid() == 0 else 0o700)
                self.held = work_folder.hold(Path(self.plan.work))
            except OSError:
                self.plan = dataclasses.replace(self.plan, work="")  # not made here: not ours to remove
                raise
        for command in self.plan.commands:
            if self.reasons or self.outcome.error:
                return
            if command.kind == "service":
                self._serve(command)
            elif command.kind == "step":
                status = self._step(command)
                if status != 0 and command.needed:
                    return

    def _start(self, command: Command, *, stdin: int = subprocess.PIPE, stdout: Path | None = None) -> lifeline.Child:
        self.note(running=command.name)
        with contextlib.ExitStack() as files:
            log = files.enter_context(append_or_discard(self.folder / f"{command.name}.log"))
            out = files.enter_context(open_privately(stdout)) if stdout else log
            # a service makes folders that PostgreSQL's unprivileged user passes through, and keeps its secrets private itself; who
            # seals what the run's command would have sealed leaves evidence for the same readers
            umask = -1 if command.kind in ("service", "unattended") else PRIVATE_UMASK
            streams = warm.Streams(stdin, out.fileno(), log.fileno())
            child = warm.start(command, without_pytests(os.environ), streams, umask, may_copy=self.owns_session)
        self.children.add(child.pid)
        return child

    def _wait(self, child: lifeline.Child, timeout: float, give_up: Callable[[], Any] = lambda: False) -> bool:
        """Wait for a child's end, at most `timeout` seconds and until `give_up` returns something; whether it has ended."""
        clock = SystemClock()
        deadline = clock.monotonic() + timeout
        while not lifeline.has_ended(child):
            lifeline.reap_adopted(self.children)
            if clock.monotonic() >= deadline or give_up():
                return False
            lifeline.wait_end(child, _TICK)
        return True

    def _died(self) -> list[str]:
        """Return the ready services that have ended although nobody told them to, without those known to have died."""
        watched = self.ready.difference(self.outcome.died)
        return [name for name, child in self.services.items() if name in watched and lifeline.has_ended(child)]

    def _note_premature_end(self, command: Command) -> None:
        """Note why a command was ended: a service that it needs has died, or it took longer than its limit."""
        dead = self._died()
        if dead:
            name = dead[0]
            sentence = (
                f"expected the {name} to run until the end of the run, found that it ended while {command.name} ran: "
                f"see {self.folder / f'{name}.log'}"
            )
            self.note(died=(*self.outcome.died, *dead), error=self.outcome.error or sentence, exit_code=12)
        elif not self.outcome.error:
            sentence = command.too_long or f"expected {command.name} to end within {command.limit:g} s, it did not"
            self.note(error=sentence, exit_code=12)

    def _end(self, command: Command, child: lifeline.Child, grace: float) -> int:
        status = lifeline.end_tree(child, grace, self.children)
        self.children.discard(child.pid)
        if child.stdin:
            child.stdin.close()
        self.note(statuses={**self.outcome.statuses, command.name: status}, running="")
        return status

    def _step(self, command: Command) -> int:
        child = self._start(command)
        if not self._wait(child, command.limit, lambda: self.reasons or self._died()) and not self.reasons:
            self._note_premature_end(command)
        return self._end(command, child, self.plan.grace)

    def _serve(self, command: Command) -> None:
        """Start a service and wait for its line, which becomes `.service.json`, or the outcome's error."""
        ready = self.folder / f".{command.name}.ready"
        child = self._start(command, stdout=ready)
        self.services[command.name] = child
        clock = SystemClock()
        deadline = clock.monotonic() + command.limit
        while not self.reasons:
            over = lifeline.has_ended(child) or clock.monotonic() >= deadline
            line, newline, _ = ready.read_text(encoding="utf-8", errors="replace").partition("\n")
            if newline:
                self._read_ready_line(command, line)
                return
            if over:
                log = self.folder / f"{command.name}.log"
                dead = lifeline.has_ended(child)
                found = "it ended without one" if dead else "nothing came"
                advice = f"see {log}" if dead or not command.too_long else f"{command.too_long} ({log})"
                sentence = f"expected a line from {command.name} within {command.limit:g} s, {found}: {advice}"
                self.note(error=sentence, exit_code=12)
                return
            lifeline.reap_adopted(self.children)
            if not self.loading.load_next():
                clock.sleep(_TICK)

    def _read_ready_line(self, command: Command, line: str) -> None:
        try:
            facts = json.loads(line)
            error = facts.get("error", "")
        except (ValueError, AttributeError):
            log = self.folder / f"{command.name}.log"
            self.note(
                error=f"expected a JSON object from {command.name}, found something else: see {log}", exit_code=12
            )
            return
        if error:
            self.note(error=str(error), exit_code=int(facts.get("exit_code", 12)))
        else:
            write_privately(self.folder / SERVICE_NAME, line + "\n")
            self.ready.add(command.name)

    def clean_up(self) -> None:
        """Run the `finally` commands, end the services, remove the work folder; nothing interrupts it."""
        signals.ignore()  # inherited by the commands that are started from here on
        if self.reasons:
            self.note(interrupted_by=self.reasons[0])
            with _log_and_continue():
                _note_in_record(self.folder, self.reasons[0])
        self._finish("finally")
        for command in reversed(self.plan.commands):
            if command.name in self.services:
                with _log_and_continue():
                    self._end_service(command, self.services.pop(command.name))
        for part in (self._sweep, self._remove):
            with _log_and_continue():
                part()
        self._finish("last")
        with _log_and_continue():
            self._end_record()
        if self.owns_session and lifeline.writer_gone(0):
            self._finish("unattended")
        remove_messages(self.folder)
        self.note(running="", ended=True)

    def _finish(self, kind: str) -> None:
        for command in self.plan.commands:
            if command.kind == kind:
                with _log_and_continue():
                    self._run_uninterrupted(command)
                    if self.outcome.died and command.kind == "finally" and self.outcome.statuses[command.name]:
                        self._run_uninterrupted(command)  # the service died meanwhile: what is left can now be told

    def _end_record(self) -> None:
        """End the record where the command that was to judge the run did not: it has a code and a sentence all the same."""
        bad = [each.name for each in self.plan.commands if each.kind == "last" and self.outcome.statuses.get(each.name)]
        if bad:
            _note_unjudged(
                self.folder, f"expected {bad[0]} to judge the run, found that it ended badly: see {bad[0]}.log"
            )

    def _run_uninterrupted(self, command: Command) -> None:
        child = self._start(command, stdin=subprocess.DEVNULL)
        if not self._wait(child, command.limit, self._died):
            self._note_premature_end(command)
        self._end(command, child, self.plan.grace)

    def _end_service(self, command: Command, child: lifeline.Child) -> None:
        assert child.stdin
        child.stdin.close()
        self._wait(child, self.plan.service_grace)
        self._end(command, child, self.plan.grace)

    def _sweep(self) -> None:
        work = Path(self.plan.work)
        if self.plan.sweep and self.plan.work and work.exists() and work_folder.is_used(work):
            self._run_uninterrupted(Command("sweep", self.plan.sweep, limit=60))

    def _remove(self) -> None:
        """End what still runs below this process, remove the work folder, record what could not be ended or removed."""
        left = []
        if self.owns_session:

            def below() -> list[psutil.Process]:
                return [*lifeline.descendants(os.getpid()), *lifeline.in_session(os.getpid())]

            if not lifeline.kill(below, self.children):
                left += [f"process {found.pid}" for found in below()]
        if self.plan.work:
            shutil.rmtree(self.plan.work, ignore_errors=True)
            left += [self.plan.work] if os.path.lexists(self.plan.work) else []
        self.note(left=tuple(left))


@contextlib.contextmanager
def _log_and_continue() -> Iterator[None]:
    """Log an exception and go on: one step of the clean-up that fails must not keep the next from being tried."""
    try:
        yield
    except Exception:
        with contextlib.suppress(OSError):
            traceback.print_exc()


def _note_in_record(folder: Path, reason: str) -> None:
    from drills import record  # pydantic takes a third of a second to load, and mostly nothing is to be noted

    if (folder / record.RECORD_NAME).exists():
        record.Journal.open(folder).interrupt(reason)


def _note_unjudged(folder: Path, sentence: str) -> None:
    from drills import record  # as above
    from drills.objectives import verdicts

    if (folder / record.RECORD_NAME).exists() and (journal := record.Journal.open(folder)).record.code is None:
        journal.failure(sentence, 12)
        journal.end()
        codes = verdicts.exit_codes(journal.record)
        journal.update(code=codes[0], all_codes=codes)


def main(arguments: Sequence[str]) -> int:
    """Supervise the run whose folder is the only argument; return 0 when the clean-up was done."""
    forbid_core_dumps()
    folder = Path(arguments[0])
    supervision = _Supervision(read_plan(folder), folder, Outcome(), owns_session=True)
    lifeline.adopt_orphans()
    for number in signals.STOP_SIGNALS:
        signal.signal(number, lambda number, _frame: supervision.reasons.append(signal.Signals(number).name))
    lifeline.watch(0, lambda reason: supervision.reasons.append(reason or "the command itself was killed"))
    try:
        supervision.carry_out()
    except Exception as error:
        with contextlib.suppress(OSError):
            traceback.print_exc()
        supervision.note(error=f"{type(error).__name__}: {error}: see {folder / LOG_NAME}", exit_code=12)
    supervision.clean_up()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
