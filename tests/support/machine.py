"""What a page of measurements says of the machine on which they were made."""

from __future__ import annotations

import platform


def machine() -> str:
    """Its system, processor and Python."""
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
