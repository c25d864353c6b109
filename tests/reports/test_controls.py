"""Which controls a run supports, and what it never supports."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from drills import errors
from drills.errors import ConfigError
from drills.model.evidence import PlanReferences
from drills.model.lineage import Lineage
from drills.model.record import RunRecord, Setting
from reports import controls
from reports.audit import facts
from tests.support import controls_page
from tests.support.controls_record import copied, from_afar, judged, real_drill
from tests.support.example_record import green_drill
from tests.support.paths import CHECKOUT

FRAMEWORKS = [
    "soc2", "iso27001", "iso22301", "nist80053", "nist80034", "csf2", "hipaa", "ffiec", "cis", "pci", "fedramp", "dora",
    "nis2", "gdpr",
]  # fmt: skip


def rows(record: RunRecord) -> dict[str, controls.ControlRow]:
    """The rows of a run by framework and control."""
    return {f"{each.framework_id} {each.control}": each for each in controls.of(record)}


def test_the_mapping_has_every_framework() -> None:
    """All frameworks stand in the file, each control with a paraphrase, a source and what a run must have."""
    assert [each.id for each in controls.mapping().frameworks] == FRAMEWORKS
    assert len(controls.of(real_drill())) > 50


def test_a_drill_on_aws_that_held_supports_what_it_did() -> None:
    """Everything that was judged and held supports its controls; what lies where the source does supports no separation."""
    found = rows(real_drill())
    apart = {name for name, row in found.items() if not row.supported}

    assert apart == {
        "soc2 CC7.5", "nist80053 CP-4(2)", "nist80053 CP-6", "nist80053 CP-6(1)", "nist80053 CP-6(2)",
        "nist80053 CP-9(3)", "cis 11.4", "dora Art. 12(3)", "iso22301 8.6, 9.1, 10.1",
    }  # fmt: skip
    assert "lies in the source's region" in found["nist80053 CP-6"].sentence
    assert not any(row.failed for row in found.values())


def test_a_copy_in_another_region_and_account_supports_separation() -> None:
    """Region and account of the recovery point, and the region of the scratch instance, decide, beside the source's."""
    found = rows(from_afar(real_drill()))

    assert all(found[f"nist80053 {name}"].supported for name in ("CP-4(2)", "CP-6", "CP-6(1)", "CP-6(2)", "CP-9(3)"))
    assert found["cis 11.4"].supported
    assert found["dora Art. 12(3)"].supported
    assert "the restored copy lies in eu-west-1, the source in eu-central-1" in found["dora Art. 12(3)"].sentence


def test_another_account_of_the_same_region_isolates_and_is_no_other_site() -> None:
    """It lies where the same flood reaches it, and who holds the source's account does not hold it."""
    found = rows(copied(real_drill(), account="210987654321"))

    assert found["cis 11.4"].supported
    assert not found["nist80053 CP-6"].supported
    assert not found["dora Art. 12(3)"].supported


def test_another_region_of_one_account_is_another_site_and_isolates_nothing() -> None:
    """Who holds the account can empty the vault in its other regions too."""
    found = rows(copied(real_drill(), region="eu-west-1"))

    assert found["nist80053 CP-6"].supported
    assert not found["cis 11.4"].supported


def test_a_simulated_run_supports_nothing() -> None:
    """Each row of it says that it is simulated."""
    found = controls.of(green_drill())

    assert {(row.supported, row.failed, row.sentence) for row in found} == {
        (False, False, "simulated: says nothing about recovery on AWS")
    }


NOT_DRILLS: dict[str, dict[str, Any]] = {
    "this run is no drill: partial: -k content": {"partial": True, "partial_reason": "-k content"},
    "this run is no drill: interrupted by SIGTERM": {"interrupted_by": "SIGTERM"},
    "this run has no verdict: it has not ended": {"code": None, "all_codes": ()},
    "the evidence of this run was not sealed": {"code": 14, "all_codes": (14,)},
    "this run could not run or could not verify": {"code": 12, "all_codes": (12, 13)},
    "this run is no drill: the backup was damaged on purpose": {"settings": (Setting("--damage", "row", "option"),)},
}


@pytest.mark.parametrize("sentence", NOT_DRILLS)
def test_a_run_that_is_no_drill_supports_nothing(sentence: str) -> None:
    """Partial, interrupted, unsealed and unfinished runs, and damage on purpose: no row, whatever the verdicts say."""
    found = controls.of(dataclasses.replace(real_drill(), **NOT_DRILLS[sentence]))

    assert not any(row.supported or row.failed for row in found)
    assert all(row.sentence.startswith(sentence) for row in found)


CONTROLS = [(f"{each.id} {control.id}", control) for each in controls.mapping().frameworks for control in each.controls]


@pytest.mark.parametrize(("name", "control"), CONTROLS)
def test_what_did_not_run_never_counts(name: str, control: controls.Control, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one of the conditions of a control was not judged, the run does not support it and says which one it was."""
    record = from_afar(real_drill())
    for each in (*control.ran, *control.met):
        with monkeypatch.context() as patched:
            if each in facts.FACTS:
                changed_facts = {**facts.FACTS, each: lambda _: ("not verified", "this did not run")}
                patched.setattr(facts, "FACTS", changed_facts)
                changed = record
            else:
                verdicts = tuple(verdict for verdict in record.verdicts if verdict.name != each)
                changed = dataclasses.replace(record, verdicts=verdicts)

            row = rows(changed)[name]

        assert not row.supported
        assert not row.failed
        assert ("this did not run" in row.sentence) or (f"{each}: no part of this run" in row.sentence)


def test_a_drill_that_failed_is_evidence_of_testing_and_not_of_recoverability() -> None:
    """Rows that ask for a test are supported and say that it failed; rows that ask for a result are not supported."""
    found = rows(judged(real_drill(), errors.VERIFICATION_FAILED, content="missed"))

    tested, result = found["nist80053 CP-9(1)"], found["nist80053 CP-10"]
    assert (tested.supported, tested.failed) == (True, True)
    assert tested.sentence.startswith("supports, as a test that was carried out and failed; it does not show that")
    assert (result.supported, result.failed) == (False, True)
    assert "content was missed" in result.sentence


def test_a_difference_anywhere_fails_the_test_of_every_row() -> None:
    """A row that rests on the rows alone is no passed test while the schema of the same copy differs."""
    found = rows(judged(real_drill(), errors.VERIFICATION_FAILED, catalog="missed"))

    assert found["cis 11.5"].failed
    assert "catalog was missed" in found["cis 11.5"].sentence
    assert not found["nist80053 CP-10(2)"].supported
    assert not any(row.supported and not row.failed and row.degree == "full" for row in found.values())


def test_a_missed_objective_does_not_spoil_the_test_of_the_data() -> None:
    """Data that came back whole and late: tests of the data held, tests against the objectives failed, results are missed."""
    found = rows(judged(real_drill(), errors.OBJECTIVE_MISSED, rto="missed"))

    assert (found["nist80053 CP-9(1)"].supported, found["nist80053 CP-9(1)"].failed) == (True, False)
    assert (found["iso27001 A.5.30"].supported, found["iso27001 A.5.30"].failed) == (True, True)
    assert (found["nist80053 CP-10"].supported, found["nist80053 CP-10"].failed) == (False, True)


def test_a_result_does_not_rest_on_a_run_that_could_not_verify_all() -> None:
    """Where something required was not verified, no result is supported, and none is said to have failed."""
    found = rows(judged(real_drill(), errors.OBJECTIVE_MISSED, errors.COULD_NOT_RUN, rpo="missed"))

    assert (found["gdpr Art. 32(1)(c)"].supported, found["gdpr Art. 32(1)(c)"].failed) == (False, False)


def test_what_was_left_behind_spoils_the_rows_on_removal_alone() -> None:
    """A copy that is still there is no removal; the recovery was one all the same."""
    record = real_drill()
    left = (dataclasses.replace(record.resources[0], state="left"), *record.resources[1:])
    found = rows(dataclasses.replace(judged(record, errors.LEFT_BEHIND), resources=left))

    assert (found["gdpr Art. 5(1)(e)"].supported, found["gdpr Art. 5(1)(e)"].failed) == (False, True)
    assert found["nist80053 CP-10"].supported


def test_what_is_kept_on_purpose_is_no_removal_that_was_shown() -> None:
    """The drill was not at fault, and a copy of the data stands: the row on removal is neither supported nor failed."""
    record = real_drill()
    kept = dataclasses.replace(record.resources[0], id="orders-prod-aside-abcd", state="kept")
    found = rows(dataclasses.replace(record, resources=(*record.resources, kept)))

    assert (found["gdpr Art. 5(1)(e)"].supported, found["gdpr Art. 5(1)(e)"].failed) == (False, False)
    assert "1 of 5 resources of the run kept on purpose" in found["gdpr Art. 5(1)(e)"].sentence


def test_what_no_drill_evidences_has_its_slots() -> None:
    """What the owner's plan refers to stands beside it; where it says nothing, "not supplied"."""
    plan = PlanReferences(reviewer="R. Viewer", tickets=("OPS-1", "OPS-2"))
    found = dict(controls.not_evidenced(dataclasses.replace(real_drill(), plan=plan)))

    assert found["management review"] == "R. Viewer"
    assert found["root causes and corrective action"] == "OPS-1, OPS-2"
    assert found["sign-off"] == "not supplied"
    slots = {each.slot for each in controls.NOT_EVIDENCED} - {""}
    assert slots == {field.name for field in dataclasses.fields(PlanReferences)}


GOOD = """
[[framework]]
id = "f"
name = "F"
retention = "a year"
[[framework.control]]
id = "1"
asks = "It is tested."
degree = "full"
covers = "the test"
ran = ["content"]
source = "https://example.org/"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["content"]', '["contents"]', '"contents" is no condition'),
        ('ran = ["content"]', "", "expected conditions in `ran` or `met`, found none"),
        ('"full"', '"complete"', "degree"),
        ("https://example.org/", "example.org", "source"),
        ('asks = "It is tested."', "", "asks"),
        ('covers = "the test"', 'covers = "the test"\nweight = 3', "weight"),
        ("[[framework.control]]", "[[framework.control", "is no TOML"),
        (GOOD, GOOD + GOOD, "twice"),
        (GOOD, GOOD + '[[unsupported]]\nframework = "g"\nid = "1"\nwhy = "x"\n', '"g" is no framework'),
    ],
)
def test_a_mapping_that_is_wrong_is_refused(old: str, new: str, said: str) -> None:
    """An unknown condition, a key that is missing or not known, and a row that stands there twice are named."""
    assert controls.read(GOOD).frameworks[0].controls[0].checked_words == "paraphrase not verified against the original"
    with pytest.raises(ConfigError, match=re.escape(said)):
        controls.read(GOOD.replace(old, new))


@pytest.mark.parametrize(
    "path", ["reports/controls.toml", "reports/controls.py", "reports/audit/facts.py", "docs/controls.md"]
)
def test_a_run_supports_and_nothing_is_called_compliant(path: str) -> None:
    """Whether an organization meets a control is for its auditor to say."""
    text = re.sub(r"https?://\S+", "", Path(CHECKOUT / path).read_text(encoding="utf-8"))
    assert not re.search("complian|certifie", text, re.IGNORECASE)
    said = " ".join(row.sentence for row in controls.of(real_drill()))
    assert "supports" in said
    assert not re.search("complian|certifie", said, re.IGNORECASE)


def test_an_air_gapped_vault_isolates_a_copy_and_is_no_other_site() -> None:
    """Who holds the source's account does not hold such a vault; it may lie in the same region all the same."""
    record = real_drill()
    lineage = Lineage(vault_type="LOGICALLY_AIR_GAPPED_BACKUP_VAULT", storage_encryption="sse-kms")
    restorations = tuple(
        dataclasses.replace(each, point=each.point and dataclasses.replace(each.point, lineage=lineage))
        for each in record.restorations
    )
    found = rows(dataclasses.replace(record, restorations=restorations))

    assert found["cis 11.4"].supported
    assert not found["nist80053 CP-6"].supported
    assert "encrypted (sse-kms)" in found["cis 11.3"].sentence


def test_the_page_shows_the_mapping() -> None:
    """docs/controls.md has every control as the file has it (`python -m tests.support.controls_page`)."""
    assert controls_page.PAGE.read_text("utf-8") == controls_page.page()
