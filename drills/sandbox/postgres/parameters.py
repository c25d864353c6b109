"""Parameter groups: which of their values a server can take, and when it takes them.

RDS keeps every parameter of a group; what this sandbox's server does not know (`rds.*`, settings of other versions,
formulas over the instance class, libraries that are not installed) is kept and shown, and not passed on.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from drills.errors import SandboxError

# the data plane sets these itself, as RDS does: they are not modifiable there either
OWNED = frozenset(
    {
        "archive_command", "archive_library", "archive_mode", "cluster_name", "config_file", "data_directory",
        "event_source", "external_pid_file", "hba_file", "ident_file", "listen_addresses", "log_directory",
        "log_filename", "logging_collector", "max_wal_senders", "port", "restore_command", "ssl", "ssl_ca_file",
        "ssl_cert_file", "ssl_key_file", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Knob:
    """A setting as `postgres --describe-config` tells it; static ones need a restart."""

    name: str
    context: str
    kind: str
    default: str
    description: str

    @property
    def static(self) -> bool:
        """Whether a new value needs a restart."""
        return self.context == "postmaster"


@cache
def knobs(folder: Path) -> Mapping[str, Knob]:
    """Every setting that the server in `folder` knows, by name. Raises SandboxError when it cannot be asked."""
    try:
        answer = subprocess.run(
            [folder / "postgres", "--describe-config"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(f"The PostgreSQL in {folder} could not list its settings: {error}.") from error
    rows = (line.split("\t") for line in answer.stdout.splitlines())
    return {row[0]: Knob(row[0], row[1], row[3], row[4], row[7]) for row in rows if len(row) > 7}


def is_static(folder: Path, name: str) -> bool:
    """Whether a setting needs a restart; an unknown one does."""
    knob = knobs(folder).get(name)
    return ("." not in name) if knob is None else knob.static


def effective(folder: Path, parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The settings that a group's parameters mean for the server in `folder`."""
    known = knobs(folder)
    settings: dict[str, str] = {}
    for name, parameter in parameters.items():
        value = parameter.get("ParameterValue")
        if value is None or "{" in str(value) or name in OWNED or name.startswith("rds."):
            continue
        if name == "shared_preload_libraries":
            value = ",".join(_installed(folder, str(value)))
        if name in known or "." in name:
            settings[name] = str(value)
    return settings


def _installed(folder: Path, libraries: str) -> list[str]:
    names = [name.strip() for name in libraries.split(",") if name.strip()]
    if not names:
        return []
    try:
        answer = subprocess.run([folder / "pg_config", "--pkglibdir"], capture_output=True, text=True, timeout=30)
    except OSError:
        return []
    place = Path(answer.stdout.strip())
    return [name for name in names if (place / f"{name}.so").exists() or (place / f"{name}.dylib").exists()]


def described(
    folder: Path | None, parameters: Mapping[str, Mapping[str, Any]], source: str | None
) -> list[dict[str, Any]]:
    """The members of DescribeDBParameters: what the user set, then the server's defaults (`engine-default`)."""
    known = knobs(folder) if folder else {}
    rows = []
    for name, parameter in sorted(parameters.items()):
        knob = known.get(name)
        rows.append(
            {
                "ParameterName": name,
                "ParameterValue": parameter.get("ParameterValue"),
                "Description": knob.description if knob else "",
                "Source": "user",
                "ApplyType": "static" if folder and is_static(folder, name) else "dynamic",
                "DataType": knob.kind.lower() if knob else "string",
                "IsModifiable": True,
                "ApplyMethod": parameter.get("ApplyMethod", "pending-reboot"),
            }
        )
    for name, knob in sorted(known.items()):
        if name not in parameters:
            rows.append(
                {
                    "ParameterName": name,
                    "ParameterValue": knob.default,
                    "Description": knob.description,
                    "Source": "engine-default",
                    "ApplyType": "static" if knob.static else "dynamic",
                    "DataType": knob.kind.lower(),
                    "IsModifiable": name not in OWNED,
                    "ApplyMethod": "pending-reboot",
                }
            )
    return [row for row in rows if source in (None, row["Source"])]
