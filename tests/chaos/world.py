"""A standing AWS with the sample in it, and drills of it that are struck while they run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import ClientError
from pydantic import SecretStr

from drills.checks import manifest
from drills.checks.manifest import Manifest
from drills.clock import SystemClock, wait_until
from drills.errors import DrillError, SandboxError
from drills.evidence.chain_check import verify_chain
from drills.evidence.folder import read_chain
from drills.recovery.connect import Endpoint, connector
from drills.run import lifeline
from drills.sandbox_client import SandboxControl
from tests.chaos.cases import BEFORE, Blow, Case
from tests.chaos.judge import Facts, Trial
from tests.support.paths import DRILLS
from tests.support.rds import names_there
from tests.support.runs import Place, made_place
from tests.support.sandbox import QUICK
from tests.support.small_run import marked

CLOCK = SystemClock()
PROFILE, TARGET = "standing", "myappdbprod"
KEY = bytes(32)  # of the digests of two manifests that are compared with each other alone
# a shell's background process ignores INT and QUIT, and so would every program that it starts
HEEDING = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
RUN_WITHIN = 120.0  # seconds: the limits of drill.toml below, with the reports
LIMITS = """
timeout = "20s"
[targets.myappdbprod.limits]
call = "4s"
features = "60s"
clean_up = "20s"
"""


@dataclass
class World:
    """One standing sandbox in a place of its own, and what is true of its AWS."""

    place: Place
    facts: dict[str, Any]
    session: dict[str, Any] = field(default_factory=dict)

    @property
    def control(self) -> SandboxControl:
        """The switchboard of the sandbox."""
        return SandboxControl(self.facts["endpoint"])

    @property
    def chain(self) -> Path:
        """The chain of evidence of the drills here."""
        return self.place.checkout / "reports/evidence" / f"{PROFILE}-{TARGET}"

    @property
    def out(self) -> Path:
        """Where the runs have their folders."""
        return self.place.checkout / "reports/out"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its drills: the place's, with the AWS of the sandbox."""
        return self.place.environment() | {name: value for name, value in self.facts["environment"].items() if value}

    def client(self, service: str) -> Any:
        """A client of the sandbox's AWS that repeats nothing."""
        variables = self.facts["environment"]
        if service not in self.session:
            self.session[service] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.facts["endpoint"],
                region_name=variables["AWS_REGION"],
                aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
                config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
            )
        return self.session[service]

    def look(self) -> Facts:
        """Read what is in the AWS, and the source with all of its rows."""
        rds = self.client("rds")
        described = rds.describe_db_instances()["DBInstances"]
        (source,) = [each for each in described if each["DBInstanceIdentifier"] == TARGET]
        secret = self.client("secretsmanager").get_secret_value(SecretId="myappdbprod/database")
        address = source["Endpoint"]
        endpoint = Endpoint(
            address["Address"],
            address["Port"],
            source["MasterUsername"],
            SecretStr(secret["SecretString"]),
            self.facts["ca"],
        )
        taken = manifest.take(connector(endpoint), key=KEY)
        return Facts(
            resources=self._resources(),
            source=json.dumps(source | {"LatestRestorableTime": ""}, default=str, sort_keys=True),  # it moves by itself
            content=_comparable(taken),
        )

    def _resources(self) -> frozenset[str]:
        """Read the names of what is in the AWS."""
        rds = self.client("rds")
        there = names_there(rds, self.client("ec2")) | {
            "db-snapshot": {each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots()["DBSnapshots"]},
            "secret": {each["Name"] for each in self.client("secretsmanager").list_secrets()["SecretList"]},
        }
        return frozenset(f"{kind} {name}" for kind, names in there.items() for name in names)

    def remove(self, resources: frozenset[str]) -> None:
        """Remove what a case has left, so that the next one begins with what the first began with."""
        self.control.clear_faults()
        with suppress(TimeoutError):  # what is still there then is seen, and ends the trials
            wait_until(lambda: self._removed(resources), 30, CLOCK, every=0.2)

    def _removed(self, resources: frozenset[str]) -> bool:
        """Ask for the removal of what is still there; an instance goes after a while, and its groups after it."""
        rds, ec2 = self.client("rds"), self.client("ec2")
        calls: dict[str, Callable[[str], Any]] = {
            "db-instance": lambda name: rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True),
            "db-snapshot": lambda name: rds.delete_db_snapshot(DBSnapshotIdentifier=name),
            "db-parameter-group": lambda name: rds.delete_db_parameter_group(DBParameterGroupName=name),
            "db-subnet-group": lambda name: rds.delete_db_subnet_group(DBSubnetGroupName=name),
            "security-group": lambda name: ec2.delete_security_group(GroupName=name),
        }
        left = self._resources() & resources
        for each in sorted(left):
            kind, _, name = each.partition(" ")
            with suppress(ClientError, KeyError):
                calls[kind](name)
        return not left

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
        gone = lifeline.wait_gone(self._processes, 30)
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
            [sys.executable, "-c", HEEDING, DRILLS, "run", "--config", "chaos.toml", "--profile", PROFILE],
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
            argv = [DRILLS, "evidence", "seal", str(folder), "--config", "chaos.toml"]
            done = subprocess.run(
                argv,
                cwd=self.place.checkout,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
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


def _comparable(taken: Manifest) -> str:
    """What a manifest says of the databases, without how long that took, and in one order."""
    databases = json.loads(manifest.dump(taken))["manifest"]["databases"]
    return json.dumps(
        [{**each, "held_seconds": 0.0, "seconds": {}} for _, each in sorted(databases.items())], sort_keys=True
    )


def _phases(folder: Path) -> tuple[str, ...]:
    """The names of the phases that a run has entered so far."""
    with suppress(OSError, ValueError, KeyError):
        return tuple(each["name"] for each in json.loads((folder / "drill.json").read_text())["phases"])
    return ()


@contextmanager
def standing() -> Iterator[World]:
    """A world of its own, with the sample of the sandbox in it; afterwards nothing of it is left."""
    with made_place() as place, tempfile.TemporaryDirectory(prefix="drc-") as temporary:
        environment = place.environment() | {"TMPDIR": temporary}

        def call(*arguments: str) -> str:
            argv = [DRILLS, "sandbox", *arguments]
            done = subprocess.run(
                argv, cwd=place.checkout, env=environment, capture_output=True, text=True, check=False, timeout=180
            )
            if done.returncode:
                raise SandboxError(f"drills {' '.join(arguments)}: {done.stderr}")
            return done.stdout

        facts = json.loads(call("up", "--sample", "--json", "--delays", QUICK))
        try:
            configure(place, facts)
            yield World(place, facts)
        finally:
            call("down")


def configure(place: Place, facts: Mapping[str, Any]) -> None:
    """Write the sample's configuration with short limits."""
    written = (place.checkout / ".sandbox/default/sample/drill.toml").read_text(encoding="utf-8")
    text = written.replace("[targets.myappdbprod.cutover]", f"{LIMITS.strip()}\n\n[targets.myappdbprod.cutover]")
    tomllib.loads(text)
    (place.checkout / "chaos.toml").write_text(text, encoding="utf-8")
