"""How many processors a copy has, by its instance class: with so many connections its rows are read."""

from __future__ import annotations

import ipaddress
import os
import re

from drills.model.instance import Instance

# Amazon RDS User Guide, "Hardware specifications for DB instance classes", as read on 30 November 2026: of the families that RDS
# has for PostgreSQL, `large` has 2 vCPUs and `Nxlarge` 4 times N; burstable classes below `large` have 2, of t2 the smallest 1.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html
_CLASS = re.compile(r"db\.(?P<family>t2|t3|t4g|[mrc][3-9][a-z]*|x\d+[a-z]*|z1d|i4i)\.(?P<size>[a-z0-9]+)")
_BURSTABLE = {"micro": 2, "small": 2, "medium": 2}
_T2 = {"micro": 1, "small": 1, "medium": 2}


def processors_of(instance_class: str) -> int | None:
    """Return the vCPUs of an instance class such as "db.r6g.2xlarge", None where the table does not tell. Pure."""
    named = _CLASS.fullmatch(instance_class)
    if not named:
        return None
    family, size = named["family"], named["size"]
    if family.startswith("t") and size in _BURSTABLE:
        return (_T2 if family == "t2" else _BURSTABLE)[size]
    if size in ("medium", "large"):
        return 1 if size == "medium" else 2
    larger = re.fullmatch(r"(\d*)xlarge", size)
    return 4 * int(larger[1] or 1) if larger else None


def processors_for(copy: Instance) -> int | None:
    """Return the processors that a copy has: this machine's where it runs here, as the sandbox's do, else its class's."""
    return os.cpu_count() if _is_here(copy.host) else processors_of(copy.instance_class)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
