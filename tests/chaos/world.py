"""A standing AWS with a source in it, and drills of that which are struck while they run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from botocore.exceptions import ClientError

from drills.clock import SystemClock, wait_until
from drills.errors import DrillError
from drills.evidence.chain_check import verify_chain
from drills.evidence.folder import read_chain
from drills.run import lifeline
from drills.sandbox_client import SandboxControl
from tests.chaos import resources
from tests.chaos.cases import BEFORE, Blow, Case
from tests.chaos.judge import Facts, Trial
from tests.chaos.kinds.instance import Instance, StandingAws
from tests.chaos.kinds.kind import CONFIG, PROFILE, Kind, LocalAws, written
from tests.support.paths import DRILLS
from tests.support.runs import Place, made_place
from tests.support.small_run import marked

CLOCK = SystemClock()
# a shell's background process ignores INT and QUIT, and so would every program that it starts
HEEDING = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
RUN_WITHIN = 300.0  # seconds: more than the limits of the configuration, with the reports, on a machine that is busy
GONE_WITHIN = 120.0  # seconds: what is there for longer stays


@dataclass
class World:
    """An AWS in which a source of one kind stands, and a place of its own for the drills of it."""

    place: Place
    kind: Kind
    aws: LocalAws

    @property
    def facts(self) -> dict[str, Any]:
        """What `drills sandbox up` said of the AWS."""
        assert isinstance(self.aws, StandingAws)
        return self.aws.facts

    @property
    def control(self) -> SandboxControl:
        """The switchboard of the sandbox."""
        return self.aws.control

    @property
    def chain(self) -> Path:
        """The chain of evidence of the drills here."""
        return self.place.checkout / "reports/evidence" / f"{PROFILE}-{self.kind.target}"

    @property
    def out(self) -> Path:
        """Where the runs have their folders."""
        return self.place.checkout / "reports/out"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its drills: the place's, with the AWS of the sandbox."""
        return self.place.environment() | self.aws.variables

    @contextmanager
    def patient(self) -> Iterator[None]:
        """Let drills take as long as they do on a busy machine: one that nothing strikes is to end well on any."""
        config = self.place.checkout / CONFIG
        short = config.read_text(encoding="utf-8")
        long = {'timeout = "20s"': "5m", 'features = "60s"': "10m", 'call = "4s"': "1m", 'clean_up = "20s"': "5m"}
        patient = short
        for line, seconds in long.items():
            assert patient.count(line) == 1, line
            patient = patient.replace(line, f'{line.partition(" = ")[0]} = "{seconds}"')
        config.write_text(patient, encoding="utf-8")
        try:
            yield
        finally:
            config.write_text(short, encoding="utf-8")

    def look(self) -> Facts:
        """Read what is in the AWS, and the source with all that it holds."""
        return Facts(
            resources=frozenset(resources.there(self.aws)),
            source=written(self.kind.described(self.aws)),
            content=self.kind.content(self.aws),
        )

    def remove(self, left: frozenset[str]) -> None:
        """Remove what a case has left, so that the next one begins with what the first began with."""
        self.control.clear_faults()
        with suppress(TimeoutError):  # what is still there then is seen, and ends the trials
            wait_until(lambda: self._removed(left), GONE_WITHIN, CLOCK, every=0.2)

    def _removed(self, left: frozenset[str]) -> bool:
        """Ask for the removal of what is still there; an instance goes after a while, and its groups after it."""
        found = {name: removal for name, removal in resources.there(self.aws).items() if name in left}
        for _, removal in sorted(found.items()):
            with suppress(ClientError):
                removal()
        return not found

    # -- one case --------------------------------------------------------------------------------------------------------

    def try_case(self, case: Case) -> Trial:
        """Run a drill, strike it as the case says, and look at what is there afterwards."""
        before, known = self.look(), set(self.out.glob("2*"))
        started = CLOCK.monotonic()
        struck = [self._strike(blow, None) for blow in case.blows if blow.phase == BEFORE]
        process = self._start()
        with suppress(TimeoutError):
            self._follow(process, [blow for blow in case.blows if blow.phase != BEFORE], known, struck)
        in_time = self._ended(process, started)
        seconds = CLOCK.monotonic() - started
        out, _ = process.communicate()
        armed = self.control.faults()
        self.control.clear_faults()
        folder = self._folder(known)
        gone = lifeline.wait_gone(self._processes, GONE_WITHIN)
        processes = tuple(" ".join(each.cmdline())[:120] for each in self._processes()) if not gone else ()
        unsealed = self._seal(folder)
        after = self.look()
        return Trial(
            case=case,
            status=process.returncode,
            out=out,
            record=json.loads((folder / "drill.json").read_text()) if folder else None,
            struck=sum(each["struck"] for each in armed) + sum(struck),
            in_time=in_time,
            seconds=seconds,
            before=before,
            after=after,
            processes=processes,
            problems=(*unsealed, *self._problems()),
        )

    def _start(self) -> subprocess.Popen[str]:
        # a session of its own: a signal to one process shall reach that one alone
        return subprocess.Popen(
            [sys.executable, "-c", HEEDING, DRILLS, "run", "--config", CONFIG, "--profile", PROFILE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.place.checkout,
            env=self.environment,
            start_new_session=True,
        )

    def _follow(self, process: subprocess.Popen[str], blows: list[Blow], known: set[Path], struck: list[int]) -> None:
        """Strike each blow as its phase begins; what comes after the end of the run is left out."""
        folder: Path | None = None
        while blows and process.poll() is None:
            CLOCK.sleep(0.02)
            folder = folder or self._folder(known)
            phases = _phases(folder) if folder else ()
            while blows and blows[0].phase in phases:
                struck.append(self._strike(blows.pop(0), process))

    def _folder(self, known: set[Path]) -> Path | None:
        """The folder of the run that has been begun since these were `known`; None until it has one."""
        return next(iter(set(self.out.glob("2*")) - known), None)

    def _strike(self, blow: Blow, process: subprocess.Popen[str] | None) -> int:
        """Arm the fault or send the signal; how many signals were sent."""
        if blow.fault:
            self.control.arm(blow.fault, **blow.where)
            return 0
        assert process
        with suppress(psutil.Error, ProcessLookupError):
            pid = self._pid(blow.process, process)
            if pid is not None:
                os.kill(pid, getattr(signal, f"SIG{blow.signal}"))
                return 1
        return 0

    def _pid(self, who: str, user: subprocess.Popen[str]) -> int | None:
        if who == "user":
            return user.pid
        found = [each for each in self._processes() if "drills.run.supervisor" in each.cmdline()]
        if who == "supervisor" or not found:
            return found[0].pid if found else None
        children = found[0].children()
        return children[-1].pid if children else None

    def _processes(self) -> list[psutil.Process]:
        """The processes of the run; the standing sandbox is none of them."""
        ours = []
        for each in marked(self.place.root):
            with suppress(psutil.Error):
                words = each.cmdline()
                if not any("sandbox" in word for word in words) and "postgres" not in each.name():
                    ours.append(each)
        return ours

    def _ended(self, process: subprocess.Popen[str], started: float) -> bool:
        try:
            wait_until(lambda: process.poll() is not None, RUN_WITHIN - (CLOCK.monotonic() - started), CLOCK)
        except TimeoutError:
            lifeline.kill(self._processes)
            process.kill()
            return False
        return True

    def _seal(self, folder: Path | None) -> tuple[str, ...]:
        """Seal what nobody has sealed, as the next run or a person would."""
        if folder and not any(each.name.endswith(folder.name) for each in self.chain.glob("0*")):
            argv = [DRILLS, "evidence", "seal", str(folder), "--config", CONFIG]
            done = subprocess.run(
                argv,
                cwd=self.place.checkout,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=RUN_WITHIN,
            )
            if done.returncode:
                return (f"drills evidence seal ended with {done.returncode}: {done.stdout}{done.stderr}",)
        return ()

    def _problems(self) -> tuple[str, ...]:
        """What of the chain is missing or wrong."""
        try:
            chain, unread = read_chain(self.chain)
        except DrillError as error:
            return (str(error),)
        without = {each.name for each in chain.starts} - {each.name for each in chain.bundles}
        open_ends = tuple(f"no bundle of {name}" for name in sorted(without))
        return (*map(str, unread), *map(str, verify_chain(self.chain, None)), *open_ends)


def _phases(folder: Path) -> tuple[str, ...]:
    """The names of the phases that a run has entered so far."""
    with suppress(OSError, ValueError, KeyError):
        return tuple(each["name"] for each in json.loads((folder / "drill.json").read_text())["phases"])
    return ()


@contextmanager
def standing(kind: Kind | None = None) -> Iterator[World]:
    """A world of its own with a source of a kind in it, the sample's instance unless said; afterwards nothing of it is left."""
    chosen = kind or Instance()
    with made_place() as place, chosen.opened(place) as aws:
        yield World(place, chosen, aws)
