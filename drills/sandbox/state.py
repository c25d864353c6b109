"""The data plane: what is really there behind the resources of AWS.

moto's models hold what AWS shows of an instance (drills/sandbox/rds/instances.py). The data plane has the PostgreSQL server of
each DbiResourceId, the port of each name and the data of each snapshot. One lock guards both. Long work runs in threads
without the lock; each server has a lock of its own, so that only one thread works on it.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from drills.sandbox.base.delays import Delays
from drills.sandbox.base.faults import Fault, FaultRegistry
from drills.sandbox.base.time import SandboxClock
from drills.sandbox.base.workers import Workers
from drills.sandbox.postgres.binaries import Binaries, ServerUser
from drills.sandbox.postgres.endpoints import Endpoints
from drills.sandbox.postgres.servers import ClusterFactory, Servers
from drills.sandbox.postgres.snapshot_store import SnapshotStore
from drills.sandbox.postgres.wal import Archives, HeartbeatLoop


class DataPlane:
    """All servers, ports, stored snapshots and archives of one sandbox, its clock, and its threads."""

    def __init__(
        self, state: Path, binaries: Sequence[Binaries], user: ServerUser | None, tls: ssl.SSLContext, delays: Delays
    ) -> None:
        self.state = state
        self.binaries = tuple(binaries)
        self.user = user
        self.delays = delays
        self.faults = FaultRegistry()
        self.clock = SandboxClock(skew=self._skew)
        self.lock = threading.RLock()
        clusters = ClusterFactory(state, user)
        self.servers = Servers(clusters, binaries)
        self.snapshots = SnapshotStore(clusters, self.servers, self.clock)
        self.archives = Archives(state, user)
        self._workers = Workers(self.clock)
        self.ports = Endpoints(tls, delays, self.faults, self.clock, self._workers, self.lock)
        self.work("heartbeat", HeartbeatLoop(self.archives, self.servers, self.clock, delays.heartbeat).run)

    # -- faults --------------------------------------------------------------------------------------------------

    def _skew(self) -> float:
        fault = self.faults.active("clock-skew")
        return fault.seconds if fault else 0.0

    def arm(self, request: Mapping[str, Any]) -> Fault:
        """Arm a fault; a fault that makes a named instance refuse takes effect at once where its port is open."""
        fault = self.faults.arm(request)
        with self.lock:
            self.ports.apply(fault)
        return fault

    # -- time and threads ----------------------------------------------------------------------------------------

    def instant(self, seconds: float = 0.0) -> datetime:
        """Return the sandbox's present instant, or the one `seconds` from now."""
        return self.clock.now() + timedelta(seconds=seconds)

    def at_least(self, started: float, seconds: float) -> None:
        """Wait until `seconds` have passed since the monotonic instant `started`; raise Ending when the sandbox ends."""
        self._workers.at_least(started, seconds)

    def asked_at(self) -> float:
        """Return the monotonic instant of the call of `work` that began this thread: what that call set lasts from then on."""
        return self._workers.asked_at()

    def work(self, name: str, job: Callable[[], None]) -> None:
        """Run `job` in a thread that `close` waits for; log what it raises, except Ending."""
        self._workers.start(name, job)

    def at_end(self, action: Callable[[], object]) -> None:
        """Call `action` when the sandbox ends, before `close` waits for threads: it ends what they wait for."""
        self._workers.at_end(action)

    def close(self) -> None:
        """End every thread, port and server. The state folder is left to its owner."""
        self._workers.close()
        self.ports.close()
        self.servers.kill_all()
