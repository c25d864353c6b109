"""Makes the pictures of reports in the documents, each from a run of its own: `python -m tests.documents.pictures`.

report.html is made anew from the run's drill.json, so that a picture shows what the reports are now, and photographed with a
headless Chromium, which the machine must have. Names of pictures choose some; `--run FOLDER` takes a run that is there.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from drills.record import load
from reports import html
from tests.support.paths import CHECKOUT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 60.0  # for one picture
# Each picture of docs/images of a report: the options of the run that it shows, its width and height in pixels.
PICTURES: dict[str, tuple[tuple[str, ...], int, int]] = {
    "report.png": ((), 1280, 672),
    "report-failed.png": (("--damage", "default"), 1280, 1330),
}


def photograph(run: Path, picture: Path, width: int, height: int) -> None:
    """Write the upper part of the run's page as a PNG of so many pixels. Raises SystemExit without a browser or a picture."""
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "report.html"
        page.write_text(html.render(load(run)), encoding="utf-8")
        photograph_page(page.as_uri(), picture, width, height)


def photograph_page(url: str, picture: Path, width: int, height: int, *more: str) -> None:
    """Write the upper part of a page as a PNG, `more` being options of Chromium. Raises SystemExit as `photograph`."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"expected one of {', '.join(BROWSERS)}, found none: install Chromium")
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        options += [f"--window-size={width},{height}", *more, f"--screenshot={picture.absolute()}"]
        picture.unlink(missing_ok=True)
        subprocess.run([browser, *options, url], capture_output=True, check=False, timeout=SECONDS)
    if not picture.exists():
        raise SystemExit(f"expected {browser} to write {picture}, found none")


def drill(arguments: tuple[str, ...]) -> Path:
    """Carry out a run in the sandbox and return its folder. Raises SystemExit where it left no record."""
    subprocess.run([sys.executable, "-m", "drills", "run", *arguments], cwd=CHECKOUT, check=False)
    run = CHECKOUT / "reports" / "out" / "latest"
    if not (run / "drill.json").is_file():
        raise SystemExit(f"expected a run in {run}, found none: see what it printed above")
    return run


def main() -> int:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description="photographs the reports of runs for the documents")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)} (default: all)")
    parser.add_argument(
        "--run", type=Path, metavar="FOLDER", help="the folder of a run, with its drill.json, instead of a new one"
    )
    options = parser.parse_args()
    for name in options.names or PICTURES:
        if name not in PICTURES:
            parser.error(f"expected one of {', '.join(PICTURES)}, found {name}")
        arguments, width, height = PICTURES[name]
        photograph(options.run or drill(arguments), CHECKOUT / "docs" / "images" / name, width, height)
    return 0


if __name__ == "__main__":
    sys.exit(main())
