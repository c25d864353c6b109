"""The endpoints of the instances: the port of each name, and whether the name resolves."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable

from drills.errors import SandboxError
from drills.sandbox.base.delays import Delays
from drills.sandbox.base.faults import Fault, FaultRegistry
from drills.sandbox.base.time import SandboxClock
from drills.sandbox.base.workers import Workers
from drills.sandbox.postgres.cluster import Cluster
from drills.sandbox.postgres.proxy import Proxy, ProxyLoop


class Endpoints:
    """A proxy for the name of each instance, with the armed faults of names and ports.

    `admits` decides whether a client address may connect to an instance. The caller holds `lock`.
    """

    def __init__(
        self,
        tls: ssl.SSLContext,
        delays: Delays,
        faults: FaultRegistry,
        clock: SandboxClock,
        workers: Workers,
        lock: threading.RLock,
    ) -> None:
        self._tls = tls
        self._delays = delays
        self._faults = faults
        self._clock = clock
        self._workers = workers
        self._lock = lock
        self.admits: Callable[[str, str], bool] = lambda name, address: True
        self._ports: dict[str, int] = {}
        self._proxies: dict[str, Proxy] = {}
        self._proxy_loop = ProxyLoop()
        self._unresolved: dict[str, float] = {}
        self._resolved: set[str] = set()
        self._read: set[str] = set()  # whose volume has been read from

    def open(self, name: str, cluster: Cluster) -> int:
        """Let the port of a name lead to a server and return it; a name gets the same port again if it is free."""
        proxy = self._proxies.get(name)
        if proxy is None:
            proxy = Proxy(
                self._proxy_loop,
                self._tls,
                lambda: self._fault_seconds("slow-reads", name) or self._first_read(name),
                lambda address: self.admits(name, address),
            )
            try:
                proxy.open(self._ports.get(name, 0))
            except SandboxError:
                proxy.open(0)
            self._proxies[name], self._ports[name] = proxy, proxy.port
        self._refuse_for(name, self._fault_seconds("connection-refused", name))
        proxy.point_at(cluster.socket_path)
        return proxy.port

    def refuse(self, name: str) -> None:
        """Refuse connections to the port of a name, and hold it for the next instance of that name."""
        if name in self._proxies:
            self._proxies[name].point_at(None)

    def release(self, name: str) -> None:
        """Give the port of a name back to the system."""
        self._resolved.discard(name)
        self._read.discard(name)
        proxy = self._proxies.pop(name, None)
        if proxy is not None:
            proxy.close()

    def close(self) -> None:
        """Release every port."""
        for name in list(self._proxies):
            self.release(name)

    # -- faults --------------------------------------------------------------------------------------------------

    def _fault_seconds(self, kind: str, name: str) -> float:
        fault = self._faults.take(kind, service="rds", name=name)
        return fault.seconds if fault else 0.0

    def _first_read(self, name: str) -> float:
        """Return by how many seconds the first data of an instance is late, once: its volume is read from S3 by then."""
        seconds = 0.0 if name in self._read else self._delays.first_read
        self._read.add(name)
        return seconds

    def apply(self, fault: Fault) -> None:
        """Apply a fault that makes a named instance refuse at once, where its port is open already."""
        if fault.kind == "connection-refused" and fault.name in self._proxies:
            self._refuse_for(fault.name, self._fault_seconds(fault.kind, fault.name))

    def _refuse_for(self, name: str, seconds: float) -> None:
        """Let an instance's port refuse for these seconds, whatever the instance does meanwhile."""
        if seconds <= 0:
            return
        proxy, began = self._proxies[name], self._clock.monotonic()
        proxy.refuse(True)

        def end() -> None:
            self._workers.at_least(began, seconds)
            with self._lock:
                proxy.refuse(False)

        self._workers.start(f"refuse {name}", end)

    def resolves(self, port: int) -> bool:
        """Return whether the name of the instance with this port resolves; a late name counts from the first call."""
        name = next((name for name, taken in list(self._ports.items()) if taken == port), "")
        now = self._clock.monotonic()
        usual = 0.0 if name in self._resolved else self._delays.dns
        if name not in self._unresolved and (seconds := self._fault_seconds("late-name", name) or usual):
            self._unresolved[name] = now + seconds
        if now < self._unresolved.get(name, now):
            return False
        self._unresolved.pop(name, None)
        self._resolved.add(name)
        return True
