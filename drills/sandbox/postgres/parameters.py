"""Parameter groups: the values that a server accepts, and whether a change needs a restart.

RDS stores every parameter of a group. Parameters that the sandbox's server does not have (`rds.*`, settings of other
versions, formulas over the instance class, libraries that are not installed) are stored and described, and not passed
to the server.
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
RESERVED = frozenset(
    {
        "archive_command", "archive_library", "archive_mode", "cluster_name", "config_file", "data_directory",
        "event_source", "external_pid_file", "hba_file", "ident_file", "listen_addresses", "log_directory",
        "log_filename", "logging_collector", "max_wal_senders", "port", "restore_command", "ssl", "ssl_ca_file",
        "ssl_cert_file", "ssl_key_file", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as `postgres --describe-config` prints it; static ones need a restart."""

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
def server_settings(folder: Path) -> Mapping[str, Setting]:
    """Return every setting that the server in `folder` has, by name. Raises SandboxError when it does not answer."""
    try:
        answer = subprocess.run(
            [folder / "postgres", "--describe-config"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SandboxError(f"The PostgreSQL in {folder} could not list its settings: {error}.") from error
    rows = (line.split("\t") for line in answer.stdout.splitlines())
    return {row[0]: Setting(row[0], row[1], row[3], row[4], row[7]) for row in rows if len(row) > 7}


def is_static(folder: Path, name: str) -> bool:
    """Return whether a setting needs a restart; an unknown one does."""
    setting = server_settings(folder).get(name)
    return ("." not in name) if setting is None else setting.static


def effective_settings(folder: Path, parameters: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the settings that the server in `folder` gets from a group's parameters."""
    known = server_settings(folder)
    settings: dict[str, str] = {}
    for name, parameter in parameters.items():
        value = parameter.get("ParameterValue")
        if value is None or "{" in str(value) or name in RESERVED or name.startswith("rds."):
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


def describe_parameters(
    folder: Path | None, parameters: Mapping[str, Mapping[str, Any]], source: str | None
) -> list[dict[str, Any]]:
    """Return the members of DescribeDBParameters: the user's values, then the server's defaults (`engine-default`)."""
    known = server_settings(folder) if folder else {}
    rows = []
    for name, parameter in sorted(parameters.items()):
        setting = known.get(name)
        rows.append(
            {
                "ParameterName": name,
                "ParameterValue": parameter.get("ParameterValue"),
                "Description": setting.description if setting else "",
                "Source": "user",
                "ApplyType": "static" if folder and is_static(folder, name) else "dynamic",
                "DataType": setting.kind.lower() if setting else "string",
                "IsModifiable": True,
                "ApplyMethod": parameter.get("ApplyMethod", "pending-reboot"),
            }
        )
    for name, setting in sorted(known.items()):
        if name not in parameters:
            rows.append(
                {
                    "ParameterName": name,
                    "ParameterValue": setting.default,
                    "Description": setting.description,
                    "Source": "engine-default",
                    "ApplyType": "static" if setting.static else "dynamic",
                    "DataType": setting.kind.lower(),
                    "IsModifiable": name not in RESERVED,
                    "ApplyMethod": "pending-reboot",
                }
            )
    return [row for row in rows if source in (None, row["Source"])]
