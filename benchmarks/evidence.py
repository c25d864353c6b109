"""What sealing adds to a run, and what verifying a bundle takes; beside sha256sum and openssl by hand.

The bundle has the files of a whole run of the sample: some hundred, 2.4 MB. Sealing is timed in a process of its own, from the
first import to the folder that is flushed and renamed, so that what a run has loaded already counts too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.common import CLOCK, DRILLS, ROOT, show, spread, took
from drills.evidence.keys import generate_pem, read_signer

SIZES: Mapping[str, int] = {
    **{"drill.json": 160_000, "manifest.json": 170_000, "observations.json": 250_000, "start.json": 12_000},
    **{"config.json": 8_000, "report.html": 500_000, "report.pdf": 700_000, "summary.md": 30_000},
    **{"raw/junit.xml": 15_000, "raw/cucumber.json": 120_000, "export/oscal-assessment-results.json": 60_000},
    **{f"raw/aws/{number:04d}-Call.json": 4_000 for number in range(70)},
    **{f"raw/sql/check-{number}.sql": 4_000 for number in range(21)},
}
SEAL = """\
import time
began = time.perf_counter()
import os, sys
from pathlib import Path
from drills.evidence.bundle import write_bundle
from drills.evidence.keys import read_signer
from drills.evidence.seal import Seal
folder, made = Path(sys.argv[1]), Path(sys.argv[2])
files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
write_bundle(made, files, Seal(read_signer("env:DRILL_EVIDENCE_KEY", os.environ)))
print(time.perf_counter() - began)
"""


def main() -> None:
    """Measure in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(dir=ROOT / "reports") as place:
        work = Path(place)
        run = work / "run"
        for name, size in SIZES.items():
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_bytes(os.urandom(size))
        pem = generate_pem()
        (work / "pub.pem").write_text(read_signer("env:KEY", {"KEY": pem}).public_pem)
        measured = [_round(work, run, work / f"bundle-{number}", pem) for number in range(rounds)]
    sealing, verifying, by_hand = ([each[number] for each in measured] for number in range(3))
    rows = [
        ("sealing, with its imports", spread(sealing), ""),
        ("drills evidence verify, the whole command", spread(verifying), spread(by_hand)),
    ]
    title = f"Evidence of {len(SIZES)} files, {sum(SIZES.values()) / 1e6:.1f} MB, median of {rounds} rounds"
    show(title, ("", "drills", "sha256sum and openssl"), rows)


def _round(work: Path, run: Path, bundle: Path, pem: str) -> tuple[float, float, float]:
    """Seconds to seal, to verify, and to verify by hand."""
    command = [sys.executable, "-c", SEAL, str(run), str(bundle)]
    said = subprocess.run(
        command, check=True, cwd=ROOT, env=os.environ | {"DRILL_EVIDENCE_KEY": pem}, capture_output=True
    )
    key = str(work / "pub.pem")
    verify = [DRILLS, "evidence", "verify", str(bundle), "--key", key]
    verifying = took(lambda: subprocess.run(verify, check=True, stdout=subprocess.DEVNULL))
    began = CLOCK.monotonic()
    for by_hand in (
        ["sha256sum", "--quiet", "-c", "SHA256SUMS"],
        ["openssl", "dgst", "-sha256", "-verify", key, "-signature", "SHA256SUMS.sig", "SHA256SUMS"],
    ):
        subprocess.run(by_hand, check=True, cwd=bundle, stdout=subprocess.DEVNULL)
    seconds = CLOCK.monotonic() - began
    shutil.rmtree(bundle)
    return float(said.stdout), verifying, seconds


if __name__ == "__main__":
    main()
