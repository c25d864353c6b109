"""Programs of Prometheus for the tests: those of the machine, else those of Debian's packages, unpacked beside the tests.

A package is fetched by apt-get without being installed, once, into the folder of tox. Where it cannot be had, a test is skipped
with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from drills.clock import SystemClock
from drills.files import locked
from tests.support.paths import CHECKOUT

KEPT = CHECKOUT / ".tox" / "cache" / "debian"
# the package of Debian that has a program
PACKAGES = {
    "promtool": "prometheus",
    "prometheus": "prometheus",
    "prometheus-pushgateway": "prometheus-pushgateway",
    "prometheus-node-exporter": "prometheus-node-exporter",
}


def program(name: str) -> str:
    """Return the path of a program; skips the test where it is not to be had."""
    found, reason = _find(name)
    if not found:
        pytest.skip(reason)
    return found


@cache
def _find(name: str) -> tuple[str, str]:
    here = shutil.which(name)
    if here:
        return here, ""
    package = PACKAGES[name]
    path = KEPT / package / "usr/bin" / name
    if not path.exists():
        reason = _unpack(package)
        if not path.exists():
            return "", f"{name} is not installed, and Debian's package {package} cannot be had: {reason}"
    return str(path), ""


def _unpack(package: str) -> str:
    """Fetch a package and unpack it; return why that failed, "" where it did not."""
    if not all(map(shutil.which, ("apt-get", "dpkg-deb"))):
        return "this is no Debian"
    KEPT.mkdir(parents=True, exist_ok=True)
    lock = os.open(KEPT, os.O_RDONLY)
    try:
        with locked(lock, 120.0, SystemClock(), waiting_for="another test that fetches a package"):
            into = KEPT / package
            if into.exists():
                return ""
            _call(["apt-get", "-q", "download", package], KEPT)
            archive = next(KEPT.glob(f"{package}_*.deb"))
            half = KEPT / f"{package}.half"
            shutil.rmtree(half, ignore_errors=True)
            _call(["dpkg-deb", "-x", str(archive), str(half)], KEPT)
            archive.unlink()
            half.replace(into)
    except (subprocess.SubprocessError, OSError, TimeoutError, StopIteration) as error:
        told = error.stderr.strip().splitlines() if isinstance(error, subprocess.CalledProcessError) else [str(error)]
        return told[0] if told else type(error).__name__
    finally:
        os.close(lock)
    return ""


def _call(words: list[str], folder: Path) -> None:
    subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True, timeout=90)
