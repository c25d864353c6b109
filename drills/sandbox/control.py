"""The sandbox's own API below `/_sandbox/`: what no AWS call can do (load a seed, damage a snapshot, read the calls).

Requests and answers are JSON. A request that fails gets a 4xx answer with `{"error": sentence, "exit_code": n}`, the exit
code of the DrillError. POST takes `application/json` only, which no page in a browser can send here without permission.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import psycopg
from moto.ec2.models import ec2_backends
from moto.efs.models import efs_backends
from moto.rds.models import rds_backends

from drills.clock import SystemClock, wait_until
from drills.errors import USAGE, ConfigError, DrillError, SandboxError, SeedError
from drills.sandbox.backup.accounts import BackupAccounts
from drills.sandbox.backup.models import POINT_STATUSES
from drills.sandbox.base.errors import first_line
from drills.sandbox.base.moto_backends import all_backends
from drills.sandbox.door.calls import CallLog
from drills.sandbox.dynamodb.images import DAMAGES
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.servers import Server
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.rds.clusters.models import SandboxCluster, SandboxClusterSnapshot
from drills.sandbox.rds.instances import SandboxSnapshot
from drills.sandbox.s3.images import DAMAGES as OF_BUCKETS
from drills.sandbox.s3.images import BucketImages
from drills.sandbox.seeds import damage, seed
from drills.sandbox.seeds import load as seed_load
from drills.sandbox.state import DataPlane

Answer = tuple[int, Any]
_CLOCK = SystemClock()
_END_WITHIN = 3.0  # seconds from a server's last refusal of a connection to the end of its process


class Control:
    """Answers the control API over one data plane."""

    def __init__(self, plane: DataPlane, calls: CallLog, backups: BackupAccounts) -> None:
        self._plane = plane
        self._calls = calls
        self._backups = backups
        self._posts: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "seed/inspect": self._inspect_seed,
            "seed/load": self._load_seed,
            "damage": self._damage_snapshot,
            "volume": self._name_volume,
            "file-system": self._name_file_system,
            "points": self._change_point,
            "approval": self._decide,
            "clock": self._move_clock,
            "calls/forget": self._forget_calls,
            "faults": self._arm_fault,
            "faults/clear": self._clear_faults,
        }

    def answer(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        """Return the status and the JSON value for one request."""
        path, method = environ["PATH_INFO"].removeprefix("/_sandbox/"), environ["REQUEST_METHOD"]
        try:
            if method == "GET":
                return self._get(path, parse_qs(environ.get("QUERY_STRING", "")))
            if method == "POST" and path in self._posts:
                return 200, self._posts[path](_read_body(environ, body))
            return 404, _error(SandboxError(f"The sandbox has no {method} /_sandbox/{path}."))
        except DrillError as error:
            return 400, _error(error)
        except (psycopg.Error, OSError) as error:
            return 400, _error(SandboxError(f"The sandbox failed in /_sandbox/{path}: {first_line(error)}."))
        except Exception as error:
            logging.exception("/_sandbox/%s failed", path)
            return 400, _error(
                SandboxError(f"The sandbox failed in /_sandbox/{path}: {type(error).__name__}: {error}.")
            )

    def _get(self, path: str, query: Mapping[str, list[str]]) -> Answer:
        if path == "health":
            return 200, {
                "status": "running",
                "instances": sorted(name for rds in self._all_rds() for name in list(rds.databases)),
            }
        if path == "calls":
            first = {name: values[0] for name, values in query.items()}
            return 200, self._calls.as_json(first.get("service"), first.get("operation"))
        if path == "faults":
            return 200, self._plane.faults.armed()
        if path == "contract":
            return 200, self._calls.contract.as_json() if self._calls.contract else None
        if path.startswith("names/"):
            return 200, {"resolves": self._plane.ports.resolves(_read_port(path.removeprefix("names/")))}
        if path == "clock":
            return 200, {"now": self._plane.instant().isoformat()}
        if path.startswith("instances/"):
            return 200, self._describe_instance(path.removeprefix("instances/"))
        return 404, _error(SandboxError(f"The sandbox has no GET /_sandbox/{path}."))

    def _forget_calls(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"forgotten": self._calls.forget()}

    # -- instances and snapshots ---------------------------------------------------------------------------------

    def _all_rds(self) -> list[SandboxRDS]:
        return [each for each in all_backends(rds_backends) if isinstance(each, SandboxRDS)]

    def _rds_of(self, instance: str) -> SandboxRDS:
        for rds in self._all_rds():
            if instance in rds.databases or instance in rds.clusters:
                return rds
        raise SandboxError(f"The sandbox has no instance {instance}; create it first.")

    def _find_snapshot(self, name: str) -> SandboxSnapshot | SandboxClusterSnapshot:
        for rds in self._all_rds():
            for snapshot in (*rds.database_snapshots.values(), *rds.cluster_snapshots.values()):
                if not isinstance(snapshot, SandboxSnapshot | SandboxClusterSnapshot):
                    continue
                if name in (snapshot.resource_id, snapshot.arn):
                    return snapshot
        raise SandboxError(
            f"The sandbox has no snapshot {name}; name one that DescribeDBSnapshots or DescribeDBClusterSnapshots lists."
        )

    def _describe_instance(self, name: str) -> dict[str, Any]:
        rds = self._rds_of(name)
        if name not in rds.databases:
            return self._describe_cluster(rds.aurora.lookups.cluster(name))
        db = rds.lookups.instance(name)
        server = self._plane.servers.get(db.server_id)
        return {
            "id": db.resource_id,
            "status": db.status,
            "endpoint": db.endpoint,
            **_describe_server(server),
        }

    def _describe_cluster(self, cluster: SandboxCluster) -> dict[str, Any]:
        server = self._plane.servers.get(cluster.server_id)
        return {
            "id": cluster.resource_id,
            "status": cluster.status,
            "endpoint": {"Address": cluster.endpoint, "Port": cluster.port},
            **_describe_server(server),
        }

    # -- seeds ---------------------------------------------------------------------------------------------------

    def _inspect_seed(self, request: Mapping[str, Any]) -> dict[str, Any]:
        source = _require_text(request, "source")
        database = request.get("database") or None
        info = seed.inspect(source, self._plane.binaries, self._plane.state, self._plane.user, database)
        lowest = seed.lowest_server(info, self._plane.binaries, self._plane.state, self._plane.user)
        return dataclasses.asdict(info) | {"engine_version": lowest.version}

    def _load_seed(self, request: Mapping[str, Any]) -> dict[str, Any]:
        source, name = _require_text(request, "source"), _require_text(request, "instance")
        choices = seed_load.Choices(request.get("database") or None, request.get("trusted") is True)
        info = seed.inspect(source, self._plane.binaries, self._plane.state, self._plane.user, choices.database)
        if not info.local and request.get("yes") is not True:
            raise SeedError(
                f"The seed {seed.without_password(source)} is on another host "
                f"({info.size_bytes or 0:,} bytes would be copied); add --yes to copy it."
            )
        with self._plane.lock:
            rds = self._rds_of(name)
            server = rds.lookups.server(name, "available")
            known = rds.databases.get(name) or rds.clusters[name]
            master = str(known.master_username)
        with server.busy:
            try:
                return dataclasses.asdict(seed_load.load(source, server.cluster, master, self._plane.state, choices))
            except (SeedError, psycopg.Error) as error:
                if not _has_ended(server.cluster, error):
                    raise
                raise SandboxError(
                    f"expected the server of {name} to run until the seed is loaded, found that it has ended "
                    f"({first_line(error)}): look for who ended it, such as a lack of memory, and run again"
                ) from error

    def _name_volume(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Give an EBS volume the id by which a target names it: EC2 gives each one by chance."""
        made, wanted = _require_text(request, "volume"), _require_text(request, "id")
        with self._plane.lock:
            for ec2 in all_backends(ec2_backends):
                if made in ec2.volumes and wanted not in ec2.volumes:
                    volume = ec2.volumes[wanted] = ec2.volumes.pop(made)
                    volume.id = wanted
                    ec2.tags[wanted] = ec2.tags.pop(made, {})
                    return {"id": wanted}
        raise SandboxError(f"The sandbox has no EBS volume {made}, or has {wanted} already.")

    def _name_file_system(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Give an EFS file system the id by which a target names it, and a size: nothing here is ever written to one."""
        made, wanted = _require_text(request, "file_system"), _require_text(request, "id")
        size = request.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ConfigError(f"size must be a number of bytes, found {size!r}.")
        with self._plane.lock:
            if any(efs.rename(made, wanted, size) for efs in all_backends(efs_backends)):
                return {"id": wanted}
        raise SandboxError(f"The sandbox has no EFS file system {made}, or has {wanted} already.")

    # -- snapshots -----------------------------------------------------------------------------------------------

    def _damage_snapshot(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        kinds, name = request.get("kinds"), _require_text(request, "snapshot")
        images = self._backups.images_of(name)
        known = damage.KINDS if images is None else OF_BUCKETS if isinstance(images, BucketImages) else DAMAGES
        if not isinstance(kinds, list) or not kinds or not set(kinds) <= set(known):
            raise ConfigError(f"kinds must be a list of {', '.join(known)}, found {kinds!r}.")
        if images is not None:
            with self._plane.lock:
                return [images.damage(name, kind) for kind in kinds]
        with self._plane.lock:
            snapshot = self._find_snapshot(name)
            if snapshot.status != "available":
                raise SandboxError(
                    f"The snapshot {snapshot.resource_id} is {snapshot.status}; wait until it is available."
                )
            stored = self._plane.snapshots.separate(snapshot.arn)
        with stored.busy:
            damages = damage.damage(self._plane.snapshots.cluster_on(stored), tuple(kinds), stored.settings)
        return [dataclasses.asdict(each) for each in damages]

    def _decide(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Let the team of a vault for access approve it, or not."""
        arn = _require_text(request, "vault")
        with self._plane.lock:
            vault = self._backups.of_vault(arn).vaults.find(arn.rpartition(":")[2])
            if vault is None or vault.state != "CREATING":
                raise SandboxError(f"{arn} is no vault that waits for an approval.")
            vault.state = "AVAILABLE" if request.get("approved") is True else "FAILED"
            return {"vault": arn, "state": vault.state}

    def _change_point(self, request: Mapping[str, Any]) -> dict[str, Any]:
        name = _require_text(request, "snapshot")
        arn = name if self._backups.find_point(name) is not None else self._find_snapshot(name).arn
        status, expires = request.get("status"), request.get("expires_at")
        if status is not None and status not in POINT_STATUSES:
            raise ConfigError(f"status must be one of {', '.join(POINT_STATUSES)}, found {status!r}.")
        with self._plane.lock:
            point = self._backups.find_point(arn)
            if point is None:
                raise SandboxError(f"{arn} is not a recovery point of AWS Backup; name a snapshot of type awsbackup.")
            point.forced_status = status or point.forced_status
            point.expires_at = _read_instant(expires) if expires is not None else point.expires_at
            return {"recovery_point": arn, "status": point.status(self._plane.instant())}

    # -- time and faults -----------------------------------------------------------------------------------------

    def _move_clock(self, request: Mapping[str, Any]) -> dict[str, Any]:
        seconds = request.get("forward")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise ConfigError(f"forward must be a number of seconds of at least 0, found {seconds!r}.")
        # does first what backup plans and lifecycles would have done until the new instant
        return {"now": self._backups.forward(seconds).isoformat()}

    def _arm_fault(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return dataclasses.asdict(self._plane.arm(request))

    def _clear_faults(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        self._plane.faults.clear()
        return {}


def _describe_server(server: Server | None) -> dict[str, Any]:
    """Return what is told of a server; `busy` while somebody works on it: it may run then, and not be ready yet."""
    return {
        "reason": server.reason if server else "",
        "pid": server.cluster.pid() if server else None,
        "busy": server is not None and server.busy.locked(),
        "settings": dict(server.settings) if server else {},
    }


def _read_body(environ: Mapping[str, Any], body: bytes) -> Mapping[str, Any]:
    if not str(environ.get("CONTENT_TYPE", "")).startswith("application/json"):
        raise ConfigError("The request's Content-Type must be application/json.")
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise ConfigError(f"The request is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ConfigError("The request must be a JSON object.")
    return value


def _has_ended(cluster: Cluster, error: Exception) -> bool:
    """Return whether the server has ended; one that refuses connections may be on the point of it."""
    refused = isinstance(error, psycopg.OperationalError) or isinstance(error.__cause__, psycopg.OperationalError)
    with contextlib.suppress(TimeoutError):
        wait_until(lambda: not cluster.running(), _END_WITHIN * refused, _CLOCK, every=0.02)
    return not cluster.running()


def _require_text(request: Mapping[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"The request needs {name!r}, a text, found {value!r}.")
    return value


def _read_port(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"names/ takes the port of an instance, found {text!r}.")
    return int(text)


def _read_instant(value: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"expires_at must be an ISO 8601 instant, found {value!r}.") from error
    if instant.tzinfo is None:
        raise ConfigError(f"expires_at must have a time zone, found {value!r}.")
    return instant


def _error(error: DrillError) -> dict[str, Any]:
    return {
        "error": str(error),
        "exit_code": error.exit_code,
        "kind": "seed" if isinstance(error, SeedError) else "usage" if error.exit_code == USAGE else "sandbox",
    }
