"""A damaged run record, history or chain is told in a sentence with its file: `report`, `history`, `ledger`, `evidence`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from drills.history.line import write_line
from drills.record import RECORD_NAME, to_json
from reports.write import NOT_WRITTEN
from tests.fuzz.entry import call, names
from tests.fuzz.mutations import damaged_json, few
from tests.support import example_record, ledger
from tests.support.clock import NOON
from tests.support.evidence import PUBLIC
from tests.support.example_history import monthly
from tests.support.paths import CHECKOUT

RECORDS = (
    to_json(example_record.green_drill()),
    to_json(example_record.failing_drill()),
    (CHECKOUT / "tests/support/former_record.json").read_text(encoding="utf-8"),
)
LINES = [write_line(each) for each in monthly(5)]


@settings(max_examples=few(12))
@given(st.sampled_from(RECORDS).flatmap(damaged_json))
def test_the_reports_of_a_damaged_record_are_made_or_refused_by_its_name(content: bytes) -> None:
    """Exit code 2 or 12 with the path of drill.json, and nothing is half written; or 12, and each report that lacks is named."""
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "drill.toml").touch()  # by it the commands know that they work there
        folder = Path(made) / "run"
        folder.mkdir()
        (folder / RECORD_NAME).write_bytes(content)
        said = call(Path(made), "report", "run")
        if NOT_WRITTEN in said.out:  # a date that a PDF cannot have
            assert said.code == 12, said.out
            assert said.out.splitlines()[-1].startswith("not all reports of the run could be written into "), said.out
        elif said.code:
            assert names(said, RECORD_NAME), said
            assert said.err.count("\n") == 1, said
            assert [each.name for each in folder.iterdir()] == [RECORD_NAME]


@settings(max_examples=few(12))
@given(st.sampled_from(LINES).flatmap(damaged_json))
def test_a_damaged_line_of_the_history_is_told_and_the_others_count(content: bytes) -> None:
    """The command ends with 0, since it says what there is; a line that is none is named with its number."""
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "drill.toml").touch()
        place = Path(made) / "reports"
        place.mkdir()
        whole = [LINES[0].encode(), content.replace(b"\n", b" "), *(each.encode() for each in LINES[1:])]
        (place / "history.jsonl").write_bytes(b"\n".join(whole) + b"\n")
        for arguments in (("history",), ("history", "--all", "--json")):
            said = call(Path(made), *arguments)
            assert said.code == 0, said


@st.composite
def chains(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file of a chain of two runs, and its damaged content."""
    with tempfile.TemporaryDirectory() as made:
        folder = _chain(Path(made))
        files = sorted(each for each in folder.rglob("*") if each.suffix in (".json", "") and each.is_file())
        chosen = draw(st.sampled_from(files))
        text = chosen.read_text(encoding="utf-8")
        name = chosen.relative_to(made).as_posix()
        return name, draw(damaged_json(text)) if chosen.suffix else text.encode()[: draw(st.integers(0, len(text) - 1))]


def _chain(place: Path) -> Path:
    folder = place / "evidence" / ledger.CHAIN
    ledger.kept(folder, "20261123-120000-a1b2")
    ledger.kept(folder, "20261124-120000-a1b2", NOON + ledger.DAY)
    (place / "drill.pub.pem").write_text(PUBLIC)
    (place / "drill.toml").write_text('[evidence]\nfolder = "evidence"\n')
    return folder


def test_the_chain_is_whole() -> None:
    """What is damaged below is right before: else each refusal would be of something else."""
    with tempfile.TemporaryDirectory() as made:
        folder = _chain(Path(made))
        verified = call(Path(made), "evidence", "verify", str(folder), "--key", "drill.pub.pem")
        assert verified.code == 0, verified
        checked = call(Path(made), "ledger", "check", "--max-age", "100000d", "--key", "drill.pub.pem")
        assert checked.code == 0, checked


@settings(max_examples=few(12))
@given(chains())
def test_a_damaged_chain_is_listed_and_never_verifies(damage: tuple[str, bytes]) -> None:
    """Sealed, then changed: `evidence verify` and `ledger check` end with another code than 0, and `ledger list` is told so."""
    name, content = damage
    with tempfile.TemporaryDirectory() as made:
        folder = _chain(Path(made))
        same = (Path(made) / name).read_bytes() == content
        (Path(made) / name).write_bytes(content)
        call(Path(made), "ledger", "list")
        call(Path(made), "ledger", "list", "--json")
        verified = call(Path(made), "evidence", "verify", str(folder), "--key", "drill.pub.pem")
        checked = call(Path(made), "ledger", "check", "--max-age", "100000d", "--key", "drill.pub.pem")
        assert bool(verified.code) != same, verified
        assert bool(checked.code) != same, checked
