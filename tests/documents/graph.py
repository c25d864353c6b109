"""Draws docs/images/metrics.png: two years of drills in a real Prometheus. As root on Debian: `python -m tests.documents.graph`.

Prometheus and the scripts of its page come from Debian's packages, unpacked into a folder that it runs in; nothing is
installed. The drills are made up (tests/support/example_history.py); their numbers are written as runs write them.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from tests.documents.pictures import photograph_page
from tests.support.paths import CHECKOUT
from tests.support.prometheus import HISTORY_END, with_history

PICTURE = CHECKOUT / "docs/images/metrics.png"
PACKAGES = (
    *("prometheus", "libc6", "libjs-jquery", "libjs-bootstrap4", "libjs-d3", "libjs-rickshaw", "libjs-moment"),
    *("libjs-moment-timezone", "libjs-mustache", "libjs-popper.js", "libjs-jquery-hotkeys"),
    "libjs-eonasdan-bootstrap-datetimepicker",
)
QUERY = '{__name__=~"dr_drill_(rta|rto|rta_median)_seconds", target="orders"}'
WIDTH, HEIGHT = 1200, 900


def unpacked(root: Path) -> None:
    """Fill a folder with the packages."""
    debs = root / "debs"
    debs.mkdir()
    subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=debs, check=True, capture_output=True)
    for package in debs.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)


def draw(url: str) -> None:
    """Photograph the graph of the query."""
    asked = {"g0.expr": QUERY, "g0.tab": "0", "g0.range_input": "104w", "g0.end_input": f"{HISTORY_END:%Y-%m-%d %H:%M}"}
    page = f"{url}/classic/graph?{urlencode(asked)}"
    photograph_page(page, PICTURE, WIDTH, HEIGHT, "--virtual-time-budget=15000")


def main() -> int:
    """Draw the picture."""
    if os.geteuid():
        raise SystemExit("expected root, which may run Prometheus in a folder of its own (chroot): type it as root")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        unpacked(root)
        (root / "dev").mkdir()
        (root / "tmp").mkdir()
        with with_history(root, ["chroot", folder, "/usr/bin/prometheus"]) as prometheus:
            draw(prometheus.url)
    print(PICTURE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
