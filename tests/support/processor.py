"""Processor time, which says what work costs on a machine that does other work as well."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from drills.sandbox.postgres.cluster import Cluster


def processor_seconds(cluster: Cluster, work: Callable[[], object]) -> float:
    """The seconds of processor time that `work` takes, in this process and in those of the server."""
    before = _spent(cluster)
    work()
    return _spent(cluster) - before


def _spent(cluster: Cluster) -> float:
    """Of this process and of the server's so far, with those that have ended."""
    server = psutil.Process(cluster.pid())
    ended = server.cpu_times()
    running = [each.cpu_times() for each in server.children()]
    return time.process_time() + ended.children_user + ended.children_system + sum(t.user + t.system for t in running)
