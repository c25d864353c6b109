"""Starts a command of a run as a copy of this process, which has loaded the modules that the commands need.

Python and its modules take most of a second of a processor each time that a command starts them anew; the supervisor loads them
once, while it waits for the local AWS, and with them botocore's models of the services that each step asks. A copy keeps nothing
else of it: it leads a group of its own, has no file open but its
three, and takes signals as a new process does. On Linux alone: macOS's own libraries do not bear a copy that goes on in
Python (https://github.com/python/cpython/issues/77906).
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, NoReturn

from drills.run import lifeline
from drills.run.plan import Command
from drills.run.signals import STOP_SIGNALS

_OURS = frozenset({"drills.run.stage", "drills.run.guard", "drills.run.finish", lifeline.__name__})
# what the features need, without what pytest itself wants to load: steps, plug-ins and conftest.py, whose assertions it rewrites
_OF_FEATURES = ("pytest", "gherkin.parser", "mako.lookup", "drills.run.cutover", "drills.run.posture")
# in parts, so that a process that loads them one by one looks after its work in between
_PARTS = ("pydantic", "psycopg", "boto3", "drills.config.load", "drills.aws.session", "drills.recovery.drill")
# what a drill of a database asks most; EC2's and RDS's models are what takes long to read
_SERVICES = ("rds", "ec2", "backup", "sts", "kms")


@dataclass(frozen=True, slots=True)
class Streams:
    """What a copy has as its standard input and outputs; `stdin` is subprocess.PIPE or subprocess.DEVNULL."""

    stdin: int
    stdout: int
    stderr: int


class Copy:
    """A command that runs in a copy of this process, with what the supervisor uses of a `subprocess.Popen`."""

    def __init__(self, pid: int, stdin: IO[bytes] | None) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None

    def wait(self) -> int:
        """Wait for the end and collect it; the exit status, or the negative number of the signal that ended it."""
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Loading:
    """The modules of a run's commands, loaded one after another."""

    def __init__(self, commands: Sequence[Command]) -> None:
        names = [name for each in commands for name in _needed_by(each.argv)]
        self._left = [*_PARTS, *names] if names else []
        self._services = list(_SERVICES) if names else []

    def load_next(self) -> bool:
        """Load one more, or the model of one more service; False when nothing is left to load."""
        while self._left:
            name = self._left.pop(0)
            if name not in sys.modules:
                _load((name,))
                return True
        if self._services:
            _read_model(self._services.pop(0))
            return True
        return False


def _needed_by(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the modules that a command of ours needs which can be a copy of this process; none for any other command."""
    if sys.platform != "linux" or tuple(argv[:2]) != (sys.executable, "-m") or argv[2] not in _OURS:
        return ()
    return _OF_FEATURES if argv[2] == lifeline.__name__ else (argv[2],)


def _load(names: Sequence[str]) -> None:
    """Import modules; one that fails fails again, and is reported, in the command that needs it."""
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            continue


def _read_model(service: str) -> None:
    """Read what the clients of a service are made from; where that fails, it fails again in the command that needs it."""
    try:
        from drills.aws import session  # loads boto3, which a plan of other commands does not need

        session.read_model(service)
    except Exception:
        return


def start(
    command: Command, environment: Mapping[str, str], streams: Streams, umask: int, *, may_copy: bool
) -> lifeline.Child:
    """Start a command in a group of its own: as a copy of this process where it can be one and `may_copy`. Raises OSError."""
    needed = _needed_by(command.argv) if may_copy else ()
    if needed:
        _load(needed)
        return _copy(command, environment, streams, umask)
    return subprocess.Popen(
        command.argv, env=environment, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr,
        process_group=0, umask=umask,
    )  # fmt: skip


def _copy(command: Command, environment: Mapping[str, str], streams: Streams, umask: int) -> Copy:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    reader, writer = os.pipe() if streams.stdin == subprocess.PIPE else (os.open(os.devnull, os.O_RDONLY), None)
    gc.freeze()  # what is loaded is no garbage, and no copy need look for any in it, as pytest does at its end
    # a signal that comes meanwhile is for the copy to take as its own, and not by the handlers of this process
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            _be(command, environment, (reader, streams.stdout, streams.stderr), umask)
        with contextlib.suppress(OSError):  # here as well, so that the group is there whichever of the two comes first
            os.setpgid(pid, pid)
    except BaseException:
        if writer is not None:
            os.close(writer)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(reader)
    return Copy(pid, None if writer is None else os.fdopen(writer, "wb", buffering=0))


def _be(command: Command, environment: Mapping[str, str], streams: tuple[int, int, int], umask: int) -> NoReturn:
    """Be the command, in the copy, until the end of the process: no code of the original goes on here."""
    status = 1
    try:
        os.setpgid(0, 0)
        for standard, descriptor in enumerate(streams):
            os.dup2(descriptor, standard)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # above all the other ends of lifelines, which nobody else may hold
        lifeline.name_process(f"drills {command.name}")
        if umask >= 0:
            os.umask(umask)
        os.environ.clear()
        os.environ.update(environment)
        _take_signals_as_anew()
        status = _run(command.argv)
    except SystemExit as ending:
        status = _status_of(ending)
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    finally:
        _end(status)


def _take_signals_as_anew() -> None:
    """Undo what this process does with signals, but that one is ignored: that is inherited by new processes too."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def _run(argv: Sequence[str]) -> int:
    module = importlib.import_module(argv[2])
    sys.argv = [str(module.__file__), *argv[3:]]
    return int(module.main(list(argv[3:])))


def _status_of(ending: SystemExit) -> int:
    if ending.code is None or isinstance(ending.code, int):
        return ending.code or 0
    print(ending.code, file=sys.stderr)
    return 1


def _end(status: int) -> NoReturn:
    """End as an interpreter does: wait for threads, call what is registered for the end, write what is buffered."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(status & 0xFF)
