"""Terraform for the tests that need it: where it and the AWS provider are, and how it is run without the network."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.paths import CHECKOUT
from tests.support.sandbox import RunningSandbox

INFRA = CHECKOUT / "infra"  # the configuration is in terraform/, and reads the policies in iam/
PROVIDER = "registry.terraform.io/hashicorp/aws"
OLDEST = (1, 11)  # infra/terraform/versions.tf
NEEDED = "terraform 1.11 or later on the PATH"
MIRROR_NEEDED = (
    "Terraform's provider hashicorp/aws (5.90 or later, below 6) in a filesystem mirror: name the mirror with "
    "DRILLS_TERRAFORM_MIRROR, or make one with `terraform providers mirror` in /usr/local/share/terraform/plugins"
)
_WITHIN = 900.0  # seconds for one command; the provider itself waits 80 s for each change of an instance
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Ran:
    """How a command of Terraform ended and all that it wrote."""

    status: int
    text: str


def mirrors(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where a mirror may be: what the environment names, then Terraform's own places, then folders of /opt."""
    if named := environment.get("DRILLS_TERRAFORM_MIRROR"):
        yield Path(named)
        return
    file = Path(environment.get("TF_CLI_CONFIG_FILE") or Path.home() / ".terraformrc")
    if file.is_file():
        text = file.read_text(encoding="utf-8")
        for block in re.findall(r"filesystem_mirror\s*\{(.*?)\}", text, re.DOTALL):
            yield from (Path(path) for path in re.findall(r'path\s*=\s*"([^"]+)"', block))
    yield Path.home() / ".terraform.d" / "plugins"
    yield Path("/usr/local/share/terraform/plugins")
    yield Path("/usr/share/terraform/plugins")
    yield from (each.parent for each in sorted(Path("/opt").glob("*/registry.terraform.io")))


def find_mirror(environment: Mapping[str, str]) -> Path | None:
    """The first of `mirrors` that holds a provider which infra/terraform accepts, for this machine."""
    machine = platform.machine().lower()
    here = f"{platform.system().lower()}_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine) }"
    for mirror in mirrors(environment):
        folder = mirror / PROVIDER
        packed = [each.name.split("_")[1] for each in folder.glob(f"terraform-provider-aws_*_{here}.zip")]
        unpacked = [each.parent.name for each in folder.glob(f"*/{here}")]
        if any(_accepted(version) for version in (*packed, *unpacked)):
            return mirror
    return None


def _accepted(version: str) -> bool:
    found = re.fullmatch(r"(\d+)\.(\d+)\.\d+", version)
    return found is not None and found[1] == "5" and int(found[2]) >= 90


def absent(environment: Mapping[str, str]) -> str:
    """Why Terraform cannot be used here, empty when it can."""
    program = shutil.which("terraform", path=environment.get("PATH"))
    if program is None:
        return f"needs {NEEDED}, found none"
    said = subprocess.run(
        [program, "version"], env=_clean(environment), capture_output=True, text=True, timeout=60, check=False
    )
    version = re.search(r"Terraform v(\d+)\.(\d+)", said.stdout)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        return f"needs {NEEDED}, found {said.stdout.splitlines()[:1] or said.stderr[:200]}"
    return "" if find_mirror(environment) else f"needs {MIRROR_NEEDED}"


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": environment.get("PATH", os.defpath), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


class Terraform:
    """A copy of infra/terraform and infra/iam with its state, plugins and settings in one folder, away from the checkout.

    `stack` is a folder of infra/terraform, "" for the runbook's.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], keys: Mapping[str, str], stack: str = "") -> None:
        mirror = find_mirror(environment)
        assert mirror is not None
        self.folder = folder / "infra" / "terraform" / stack
        for name, kept in (("terraform", (".tf", ".md")), ("iam", (".json",))):
            shutil.copytree(
                INFRA / name,
                folder / "infra" / name,
                ignore=lambda _, names, kept=kept: [each for each in names if "." in each and not each.endswith(kept)],
            )
        settings = folder / "terraformrc"
        settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n')
        self.environment = _clean(environment) | {
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_DATA_DIR": str(folder / "data"),
            **keys,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Ran:
        """Run `terraform arguments`; `variables` go through the environment. Whatever it starts ends with it."""
        given = {f"TF_VAR_{name}": value for name, value in (variables or {}).items()}
        process = subprocess.Popen(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self.environment | given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            text, _ = process.communicate(timeout=_WITHIN)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Ran(process.returncode, _ESCAPES.sub("", text.decode("utf-8", "replace")))

    def done(self, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
        """The text of a command that must succeed."""
        ran = self.run(*arguments, variables=variables)
        assert ran.status == 0, _tail(ran.text)
        return ran.text

    def planned(self, variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """What a resource would be, of each that an `apply` with these variables would make or change; nothing is applied."""
        self.done("plan", "-out=plan", "-input=false", variables=variables)
        changes = json.loads(self.done("show", "-json", "plan"))["resource_changes"]
        return {each["address"]: each["change"]["after"] for each in changes if each["change"]["actions"] != ["no-op"]}

    def check(self) -> None:
        """`terraform validate` and `terraform fmt -check` find nothing."""
        self.done("init", "-backend=false", "-input=false")
        found = json.loads(self.done("validate", "-json"))["diagnostics"]
        assert found == [], found
        unlike = self.done("fmt", "-check", "-diff").strip()
        assert unlike == "", unlike


@dataclass
class Stack:
    """A deployed stack: its sandbox, its Terraform, the variables of every command and its outputs."""

    sandbox: RunningSandbox
    terraform: Terraform
    variables: dict[str, str] = field(repr=False)
    outputs: dict[str, Any] = field(default_factory=dict)

    def apply(self) -> None:
        """Make it so, and read the outputs."""
        self.terraform.done("apply", "-auto-approve", "-input=false", variables=self.variables)
        told = json.loads(self.terraform.done("output", "-json"))
        self.outputs = {name: each["value"] for name, each in told.items()}


def _tail(text: str, lines: int = 60) -> str:
    kept: Sequence[str] = [line for line in text.splitlines() if line.strip() and "Still " not in line]
    return "\n".join(kept[-lines:])
