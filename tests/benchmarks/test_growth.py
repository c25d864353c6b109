"""The measurement of growth, at sizes that take seconds, and the page that is made of it."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.scale import forecast, page, picture
from benchmarks.scale.measured import Axis, Case, Kept, Measured, load, points, save, usual
from benchmarks.server import STOCK, Server
from tests.support.cluster import PASSWORD, cluster_in, make, module_state, usable

__all__ = ["module_state"]

AXES: Mapping[Axis, Sequence[float]] = {"gigabytes": (0.1, 1.0, 4.0, 10.0), "tables": (100.0, 1000.0, 10000.0)}


def run_of(case: Case) -> Measured:
    """A second, and four for each gigabyte or 1,000 tables; a verification two more of these for its indexes."""
    by_size = case.axis == "gigabytes"
    units = case.size if by_size else case.size / 1000
    phases = {"": 0.6, "content": 0.3 + 4 * units / case.connections, "catalog": 0.1}
    if case.command == "verify":
        phases["indexes"] = 2 * units
    read = (1.3 if case.command == "verify" else 0.8) * units * 1e9 if by_size else 0.0
    peak = 70.0 if by_size else 70.0 + 10 * units
    seconds = sum(phases.values())
    client, server = phases[""] / 2, (seconds - phases[""]) / 2  # half of the time others had the processors
    taken = {} if case.command == "pg_dump" else phases
    return Measured(case, int(units * 1e9), seconds, peak, int(read), client, server, 0.5, taken)


GROWN = Kept(
    "2 cores, 8 GB of memory",
    "2026-11-30",
    2,
    tuple(
        run_of(Case(axis, size, command, number))
        for axis, sizes in AXES.items()
        for size in sizes
        for command, numbers in (("pg_dump", (1,)), ("manifest", (1, 2)), ("verify", (2,)))
        for number in numbers
    ),
)


@pytest.fixture(scope="module")
def measured(module_state: Path) -> Iterator[tuple[Kept, Path]]:
    """A small measurement of both axes, and where it was kept."""
    cluster = cluster_in(module_state, usable("system"), "growth")
    make(cluster)
    cluster.start(STOCK)
    options = argparse.Namespace(
        gigabytes=(0.015,), tables=(30,), connections=(2,), rounds=1, keep=module_state / "kept" / "growth.json"
    )
    try:
        running = Server(cluster, module_state, {**os.environ, "PGPASSWORD": PASSWORD})
        yield growth.measure_all(running, options, Kept("", "")), options.keep
    finally:
        cluster.kill()


@pytest.mark.postgres
def test_every_command_is_measured_whole(measured: tuple[Kept, Path]) -> None:
    """Each ends without an error; the phases, the start included, are all of its time, and nothing is lost when it is kept."""
    kept, path = measured
    assert {(run.case.axis, run.case.command) for run in kept.runs} == {
        (axis, command) for axis in growth.SIZES for command in growth.COMMANDS
    }
    for run in kept.runs:
        assert not run.failed
        assert 0 < run.peak < 500
        assert run.bytes > 7_000_000
        if run.case.command != "pg_dump":
            assert {"", "content", "catalog"} < run.phases.keys()
            assert sum(run.phases.values()) == pytest.approx(run.seconds, abs=0.1)
        assert 0 < run.client <= 1.5 * run.seconds
        assert run.server > 0
    assert load(path) == kept
    assert page.page(kept).startswith("# At any size")


@pytest.mark.postgres
def test_a_command_that_fails_is_a_measurement_too(module_state: Path) -> None:
    """What it said is kept in place of its time, and it is measured again when the measurement goes on."""
    cluster = cluster_in(module_state, usable("system"), "failing")
    make(cluster)
    cluster.start(STOCK)
    case = Case("tables", 5, "manifest", 1)
    try:
        running = Server(cluster, module_state, {**os.environ, "PGPASSWORD": "wrong"})
        run = growth.measure(running, case, "postgres")
    finally:
        cluster.kill()
    assert run.failed.startswith("drills: ")
    assert "password authentication failed" in run.failed
    kept = Kept("", "", 2, (run,))
    assert growth.wanted(kept, [case], 1) == [case]
    assert "`manifest` of 5 tables ended with: " in page.page(dataclasses.replace(GROWN, runs=(*GROWN.runs, run)))


def test_a_failure_is_its_first_sentence() -> None:
    """Neither the command line with its paths nor the hints that follow."""
    said = "bash -c pg_dump host=/tmp/drills-1/run: 1: pg_dump: error: query failed: ERROR:  out of shared memory\nHINT:  More."
    assert growth.sentence(said) == "pg_dump: error: query failed: ERROR:  out of shared memory"
    assert growth.sentence("interrupted") == "interrupted"


def test_what_is_kept_is_not_measured_again(tmp_path: Path) -> None:
    """A manifest that is there is taken again only where a verification against it is missing."""
    cases = growth.cases("gigabytes", 10.0, (2,))
    assert growth.wanted(GROWN, cases, 1) == []
    assert growth.wanted(GROWN, cases, 2) == cases
    without = dataclasses.replace(GROWN, runs=tuple(run for run in GROWN.runs if run.case != cases[-1]))
    assert growth.wanted(without, cases, 1) == [cases[1], cases[-1]]
    save(tmp_path / "kept.json", GROWN)
    assert load(tmp_path / "kept.json") == GROWN
    assert load(tmp_path / "none.json") is None


def test_the_series_with_most_sizes_is_shown() -> None:
    """Medians by size, with the number of connections that most sizes were measured with."""
    manifests = GROWN.of("gigabytes", "manifest")
    assert usual(manifests) == 1
    assert usual([run for run in manifests if (run.case.size, run.case.connections) != (4.0, 1)]) == 2
    assert dict(points(manifests, lambda run: run.seconds))[1.0] == pytest.approx((5.0 + 3.0) / 2)


def test_an_estimate_stands_on_what_was_measured() -> None:
    """The second connection's gain, the passes over the database and the cost of a table are the measurements' own."""
    found = forecast.basis(GROWN, "verify")
    assert found is not None
    content, rest, tables = found.works
    assert content.by_size.at(10) == pytest.approx((0.3 + 20) / 2, rel=1e-3)
    assert content.gain == pytest.approx((40.3 / 20.3) - 1, rel=1e-3)
    assert (content.passes, content.first) == (0.8, 0.8)
    assert rest.passes == pytest.approx(0.5)
    assert rest.first == pytest.approx(0.2)
    assert rest.by_size.at(10) == pytest.approx((0.7 + 20) / 2, rel=1e-3)
    assert tables.by_size.start == pytest.approx(4.0 / 2, rel=1e-3)  # of 1,000
    assert forecast.basis(Kept("", "", 2, GROWN.runs[:1]), "verify") is None


def test_beside_other_work_no_gain_is_measured() -> None:
    """What a second connection adds stays unknown where no processor was free for it, and the page says which example it takes."""
    busy = dataclasses.replace(GROWN, runs=tuple(dataclasses.replace(run, load=2.5) for run in GROWN.runs))
    assert forecast.gain(busy) is None
    found = forecast.basis(busy, "manifest")
    assert found is not None
    assert found.works[0].gain == forecast.EXAMPLE_GAIN
    assert "what a further one adds is **unknown**" in page.page(busy).replace("\n", " ").replace("  ", " ")


def test_the_page_has_every_number_and_fits() -> None:
    """Phases, both lines, departures, memory and estimates; lines of prose keep within 132 columns."""
    text = page.page(GROWN)
    assert "| content | 0.70 s | 4.30 s | 16.3 s | 40.3 s | 0.30 s | 4.00 s |" in text
    assert "| **all** | 1.40 s | 5.00 s | 17.0 s | 41.0 s | 1.00 s | 4.00 s | +0% | nowhere |" in text
    assert "| processors of the server | 0.40 s | 2.20 s | 8.20 s | 20.2 s | 0.20 s | 2.00 s |" in text
    assert "adds 99% of the first one's speed" in text.replace("\n ", "")
    assert "170 MB at 10,000 tables" in text
    assert "**The largest that was verified has 10 GB**: `drills verify` held 70 MB at most" in text.replace("\n", " ")
    assert len(re.findall(r"^\| (?:1|10) TB \|", text, re.MULTILINE)) == 16
    assert all(len(row) <= 132 for row in text.splitlines() if not row.startswith("|"))


def test_the_picture_shows_every_measurement() -> None:
    """A mark for each command and size of both axes within it, a description to be read aloud, and no word upon another."""
    root = ET.fromstring(picture.draw(GROWN))
    space = "{http://www.w3.org/2000/svg}"
    dots = root.findall(f"{space}circle")
    assert len(dots) == (4 + 3) * (3 + 2)  # seconds of three commands, memory of two
    assert all(0 < float(dot.get("cx", "0")) < picture.WIDTH for dot in dots)
    assert all(0 < float(dot.get("cy", "0")) < picture.HEIGHT for dot in dots)
    assert len(root.findall(f"{space}path")) == 2 * 3
    words = [(float(each.get("x", "0")), float(each.get("y", "0"))) for each in root.findall(f"{space}text")]
    assert not [
        (one, other)
        for one, other in itertools.combinations(words, 2)
        if one[0] == other[0] and abs(one[1] - other[1]) < 15
    ]
    assert root.find(f"{space}desc") is not None
