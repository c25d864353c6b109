"""An RDS instance: the sample of a standing sandbox."""

from __future__ import annotations

import json
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from pydantic import SecretStr

from drills.checks import manifest
from drills.checks.manifest import Manifest
from drills.errors import SandboxError
from drills.recovery.connect import Endpoint, connector
from drills.sandbox_client import SandboxControl
from tests.chaos.cases import INSTANCE
from tests.chaos.kinds.kind import CONFIG, LIMITS, LocalAws
from tests.support.paths import DRILLS
from tests.support.runs import Place
from tests.support.sandbox import QUICK

KEY = bytes(32)  # of the digests of two manifests that are compared with each other alone


@dataclass
class StandingAws:
    """What `drills sandbox up` has started, as it said."""

    facts: dict[str, Any]
    clients: dict[str, Any] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Its address."""
        return str(self.facts["endpoint"])

    @property
    def region(self) -> str:
        """Its region."""
        return str(self.facts["region"])

    @property
    def ca(self) -> str:
        """The file with the CA of its databases."""
        return str(self.facts["ca"])

    @property
    def control(self) -> SandboxControl:
        """Its switchboard."""
        return SandboxControl(self.endpoint)

    @property
    def variables(self) -> dict[str, str]:
        """What a program needs in its environment to use it."""
        return {name: value for name, value in self.facts["environment"].items() if value}

    def client(self, service: str) -> Any:
        """A client that repeats nothing."""
        if service not in self.clients:
            self.clients[service] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=self.endpoint,
                region_name=self.region,
                aws_access_key_id=self.variables["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=self.variables["AWS_SECRET_ACCESS_KEY"],
                config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
            )
        return self.clients[service]


class Instance:
    """The instance of the sample, with all of its rows."""

    plan = INSTANCE
    target = "myappdbprod"

    @contextmanager
    def opened(self, place: Place) -> Iterator[StandingAws]:
        """A standing sandbox with the sample, and its configuration with short limits."""
        with tempfile.TemporaryDirectory(prefix="drc-") as temporary:
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
                self._configure(place)
                yield StandingAws(facts)
            finally:
                call("down")

    def described(self, aws: LocalAws) -> Any:
        """The instance, without the instant until which it can be restored."""
        (source,) = aws.client("rds").describe_db_instances(DBInstanceIdentifier=self.target)["DBInstances"]
        return source | {"LatestRestorableTime": ""}

    def content(self, aws: LocalAws) -> str:
        """A manifest of all of its rows."""
        source = self.described(aws)
        secret = aws.client("secretsmanager").get_secret_value(SecretId=f"{self.target}/database")
        address, password = source["Endpoint"], SecretStr(secret["SecretString"])
        return rows(Endpoint(address["Address"], address["Port"], source["MasterUsername"], password, Path(aws.ca)))

    def _configure(self, place: Place) -> None:
        text = (place.checkout / ".sandbox/default/sample/drill.toml").read_text(encoding="utf-8")
        after = f"[targets.{self.target}.cutover]"
        text = text.replace(after, f"{LIMITS.format(target=self.target).strip()}\n\n{after}")
        tomllib.loads(text)
        (place.checkout / CONFIG).write_text(text, encoding="utf-8")


def rows(endpoint: Endpoint) -> str:
    """Return what a manifest says of the databases of a server, without how long that took, and in one order."""
    taken: Manifest = manifest.take(connector(endpoint), key=KEY)
    databases = json.loads(manifest.dump(taken))["manifest"]["databases"]
    return json.dumps(
        [{**each, "held_seconds": 0.0, "seconds": {}} for _, each in sorted(databases.items())], sort_keys=True
    )
