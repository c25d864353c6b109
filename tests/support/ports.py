"""Ports of this machine that a test may listen on, or that nobody listens on."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # ip(7)
_LEAST, _KERNELS = 10_240, 32_768  # where there is no such file, what Linux usually has and others begin above
_random = random.SystemRandom()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, nor does before the caller: the kernel gives it to nobody by itself.

    One that the kernel had given, by a bind to port 0, is given to the next connection or server as soon as it is let go of.
    """
    below = int(_RANGE.read_text(encoding="ascii").split()[0]) if _RANGE.exists() else _KERNELS
    if below <= _LEAST + 1000:
        return _usable(0)
    while True:
        if found := _usable(_random.randrange(_LEAST, below)):
            return found


def _usable(port: int) -> int:
    """The port, or the one that the kernel gives for 0; 0 where somebody has it."""
    with socket.socket() as free:
        try:
            free.bind(("127.0.0.1", port))
        except OSError:
            return 0
        return int(free.getsockname()[1])
