"""The text format of Prometheus, read by promtool and node_exporter themselves, and the file that is written."""

from __future__ import annotations

import dataclasses
import json
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drills.clock import SystemClock, wait_until
from drills.errors import DrillError
from drills.metrics.samples import LAST_RUN, LAST_SUCCESS, Numbers, numbers_of
from drills.metrics.text import file_name, text_of, write_textfile
from drills.model.record import RunRecord
from tests.support.example_history import drill_with_history
from tests.support.example_record import failing_drill, green_drill
from tests.support.monitoring import program
from tests.support.ports import free_port


def passed(record: RunRecord) -> RunRecord:
    """The same run, as one that held every promise."""
    return dataclasses.replace(record, code=0, all_codes=(0,), failures=(), interrupted_by="")


def named(record: RunRecord, target: str) -> RunRecord:
    """The same run of another target."""
    assert record.target
    return dataclasses.replace(record, target=dataclasses.replace(record.target, name=target))


def later(record: RunRecord, days: float) -> RunRecord:
    """The same run so many days later."""
    assert record.ended_at
    return dataclasses.replace(record, ended_at=record.ended_at + timedelta(days=days))


def test_promtool_has_nothing_against_it() -> None:
    """`promtool check metrics` reads it and finds no name that is not usual."""
    text = text_of(numbers_of(drill_with_history(24))) + "\n"

    said = subprocess.run([program("promtool"), "check", "metrics"], input=text, text=True, capture_output=True)

    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_promtool_would_find_something() -> None:
    """The test above can fail."""
    text = '# TYPE dr_drill_restored_bytes gauge\ndr_drill_restored_bytes{target="a" 1\n'

    assert subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, text=True, capture_output=True
    ).returncode


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A node_exporter whose textfile collector reads the folder; its address."""
    address = f"127.0.0.1:{free_port()}"
    options = ("--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={folder}")
    words = [program("prometheus-node-exporter"), *options, f"--web.listen-address={address}"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: answers(address), 60.0, SystemClock(), what="node_exporter to answer")
            yield f"http://{address}/metrics"
        finally:
            server.terminate()


def answers(address: str) -> bool:
    """Whether something listens there."""
    host, port = address.split(":")
    with socket.socket() as tried:
        return tried.connect_ex((host, int(port))) == 0


def test_node_exporter_shows_the_files_of_several_targets(tmp_path: Path) -> None:
    """Each target has its file, and all of them are one family each, without an error of the collector."""
    for name in ("orders", "billing/eu", 'quo"ted\nline'):
        numbers = numbers_of(named(passed(green_drill()), name))
        write_textfile(tmp_path / file_name(numbers), numbers)

    with served(tmp_path) as url, urlopen(url) as answer:
        families = {each.name: each for each in text_string_to_metric_families(answer.read().decode())}

    assert [each.value for each in families["node_textfile_scrape_error"].samples] == [0.0]
    shown = {each.labels["target"] for each in families["dr_drill_rta_seconds"].samples}
    assert shown == {"SIMULATED orders", "SIMULATED billing/eu", 'SIMULATED quo"ted\nline'}


def test_each_target_profile_and_scenario_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Names that differ in one character do not write over each other, and none leads out of the folder."""
    names = {
        file_name(numbers_of(named(green_drill(), each))) for each in ("a/b", "a_b", "a b", "a-b", "../a", "a%2Fb")
    }

    assert len(names) == 6
    assert all(Path(each).name == each and each.endswith(".prom") for each in names)


def test_the_file_can_be_read_by_another_user_and_is_written_whole(tmp_path: Path) -> None:
    """node_exporter runs as a user of its own; nothing half is left in the folder."""
    path = tmp_path / "drills.prom"

    write_textfile(path, numbers_of(green_drill()))

    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["drills.prom"]


def test_a_failure_leaves_the_last_success_in_the_file(tmp_path: Path) -> None:
    """The history may be on another machine: what the file knew stays, for the same target alone."""
    path = tmp_path / "drills.prom"
    success, failure = passed(failing_drill()), later(failing_drill(), 30)
    assert success.ended_at

    write_textfile(path, numbers_of(success))
    write_textfile(path, numbers_of(failure))
    kept = read(path)
    write_textfile(path, numbers_of(later(named(failure, "other"), 1)))

    assert kept[LAST_SUCCESS] == success.ended_at.timestamp()
    assert kept["dr_drill_last_run_timestamp_seconds"] > kept[LAST_SUCCESS]
    assert LAST_SUCCESS not in read(path)


def read(path: Path) -> dict[str, float]:
    """The samples of a file that have no label of their own, by name."""
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    return {each.name: each.value for family in families for each in family.samples}


def test_the_numbers_of_a_later_run_stay(tmp_path: Path) -> None:
    """Made again by hand, an old run does not take the place of a new one."""
    path = tmp_path / "drills.prom"
    write_textfile(path, numbers_of(later(green_drill(), 30)))
    before = path.read_bytes()

    with pytest.raises(DrillError, match="later"):
        write_textfile(path, numbers_of(green_drill()))

    assert path.read_bytes() == before


def test_of_two_runs_that_end_at_once_the_later_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of them looked first at what was there."""
    path, others = tmp_path / "drills.prom", list[Thread]()

    def overtaken(numbers: Numbers) -> str:
        if not others:
            others.append(Thread(target=write_textfile, args=(path, numbers_of(later(green_drill(), 30)))))
            others[0].start()
            others[0].join(0.3)
        return text_of(numbers)

    monkeypatch.setattr("drills.metrics.text.text_of", overtaken)
    write_textfile(path, numbers_of(green_drill()))
    others[0].join()

    ended = later(green_drill(), 30).ended_at
    assert ended
    assert read(path)[LAST_RUN] == ended.timestamp()


def test_a_file_that_is_none_of_ours_is_written_over(tmp_path: Path) -> None:
    """It keeps no number from a run."""
    path = tmp_path / "drills.prom"
    path.write_text("{ this is no metric\n")

    write_textfile(path, numbers_of(green_drill()))

    assert read(path)["dr_drill_rto_seconds"] == 1800.0
    assert json.dumps(read(path))
