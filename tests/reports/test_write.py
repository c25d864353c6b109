"""All reports of a run, from its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from drills.cli import main as cli
from drills.errors import ConfigError
from drills.model.record import RunRecord
from drills.record import load, to_json
from reports import allure_render, html, write
from tests.support.example_record import green_drill
from tests.support.full_disk import nothing_can_be_written


def put(folder: Path, record: RunRecord | None = None) -> Path:
    """A run's folder with its record."""
    folder.mkdir(parents=True)
    (folder / "drill.json").write_text(to_json(record or green_drill()), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def no_step_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not write into the summary of the job that runs them."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_reports_come_from_the_record_alone(tmp_path: Path) -> None:
    """From drill.json alone come page, PDF and summary, the same each time; a clean result prints nothing."""
    folder = put(tmp_path / "out" / "run")
    assert write.write_all(folder, render_allure=True) == []
    first = {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    exports = {"oscal-assessment-results.json", "in-toto-test-result.json"}
    assert set(first) == {"drill.json", "report.html", "report.pdf", "summary.md", "junit.xml"} | exports
    assert write.write_all(folder, render_allure=True) == []
    assert {file.name: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == first


def test_the_pdf_can_be_made_later(tmp_path: Path) -> None:
    """A run of a fleet that passed has all reports but the PDF, and `drills report` makes the one that it would have had."""
    whole, part = put(tmp_path / "out" / "a"), put(tmp_path / "out" / "b")
    write.write_all(whole, render_allure=False)
    assert write.write_all(part, render_allure=False, with_pdf=False) == []
    assert {each.name for each in whole.iterdir()} - {each.name for each in part.iterdir()} == {"report.pdf"}

    assert cli.main(["report", str(part)]) == 0
    assert (part / "report.pdf").read_bytes() == (whole / "report.pdf").read_bytes()


def test_latest_leads_to_the_last_run(tmp_path: Path) -> None:
    """The link is beside the run's folder, relative, and moves on with the next run."""
    for name in ("a", "b"):
        write.write_all(put(tmp_path / "out" / name), render_allure=False)
        assert (tmp_path / "out" / "latest").readlink() == Path(name)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a", "b", "latest"]


def test_reports_of_the_latest_run_are_made_again_by_its_link(tmp_path: Path) -> None:
    """`latest` may be given as the folder, time and again, and still leads to the run."""
    write.write_all(put(tmp_path / "out" / "a"), render_allure=False)
    latest = tmp_path / "out" / "latest"

    for _ in range(2):
        assert write.write_all(latest, render_allure=False) == []
        assert latest.readlink() == Path("a")


@pytest.mark.parametrize(
    "given", [[], ["reports/out/latest"], ["reports/out/latest/"], ["reports/out/latest/."], ["short"]]
)
def test_the_command_makes_the_latest_reports_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    """Bare, by the link, and by another link that leads to it: time and again, and `latest` leads to the run."""
    write.write_all(put(tmp_path / "reports" / "out" / "a"), render_allure=False)
    (tmp_path / "drill.toml").touch()
    (tmp_path / "short").symlink_to("reports/out/latest")
    monkeypatch.chdir(tmp_path)

    for _ in range(2):
        assert cli.main(["report", *given]) == 0
        assert (tmp_path / "reports" / "out" / "latest").readlink() == Path("a")


def test_a_run_whose_folder_is_called_latest_gets_its_reports(tmp_path: Path) -> None:
    """A copy of a run under that name has no link beside it, which would be itself."""
    folder = put(tmp_path / "latest")

    assert write.write_all(folder, render_allure=False) == []
    assert not folder.is_symlink()
    assert (folder / "report.html").exists()


def test_a_refused_run_does_not_become_the_latest(tmp_path: Path) -> None:
    """`latest` goes on leading to the last run that was one."""
    write.write_all(put(tmp_path / "out" / "a"), render_allure=False)
    refused = put(tmp_path / "out" / "b")
    record = dataclasses.replace(load(refused), code=2, all_codes=(2,))
    (refused / "drill.json").write_text(to_json(record))

    write.write_all(refused, render_allure=False)

    assert (tmp_path / "out" / "latest").readlink() == Path("a")


def test_latest_is_a_file_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without symlinks a file holds the name."""

    def refuse(self: Path, target: object, target_is_directory: bool = False) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert write.write_all(put(tmp_path / "out" / "a"), render_allure=False) == []
    assert (tmp_path / "out" / "latest").read_text("utf-8") == "a\n"


def test_step_summary_is_appended_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In GitHub Actions the summary follows what other steps wrote."""
    target = tmp_path / "step"
    target.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(target))
    folder = put(tmp_path / "out" / "a")
    assert write.write_all(folder, render_allure=False) == []
    assert target.read_text("utf-8") == "before\n" + (folder / "summary.md").read_text("utf-8") + "\n"


def test_report_that_cannot_be_written_is_a_line_and_the_others_are_made(tmp_path: Path) -> None:
    """Where one report cannot be written, the others are, and the line says how to make it later."""
    folder = put(tmp_path / "out" / "a")
    (folder / "report.html").mkdir()
    (line,) = write.write_all(folder, render_allure=False)
    assert line.startswith("report.html could not be written (")
    assert "tox -e report -- " in line
    assert (folder / "summary.md").exists()


def test_reports_that_could_not_be_written_are_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """12: the last line does not say that they are there, and no half of one is left."""
    folder = put(tmp_path / "out" / "run")
    with nothing_can_be_written():
        assert cli.main(["report", str(folder)]) == 12
    out = capsys.readouterr().out
    assert out.count("could not be written (") >= 4
    assert "reports of the run are in" not in out
    assert out.splitlines()[-1].startswith("not all reports of the run could be written into ")
    assert [file.name for file in folder.rglob("*") if file.is_file()] == ["drill.json"]


def test_who_may_not_write_there_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """12, with one sentence in the place of one for each report."""
    folder = put(tmp_path / "out" / "run")

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied", str(folder / "tmp1a2b"))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert cli.main(["report", str(folder)]) == 12
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert f"found: Permission denied: {folder}: type it as who may write there" in told.err


def test_results_that_cannot_be_read_are_not_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why they cannot be is said."""

    def refuse(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.listdir", refuse)
    line = allure_render.render(tmp_path / "allure-results", tmp_path / "allure-report")
    assert line.startswith("the Allure report could not be rendered now (")
    assert "ermission denied" in line


def test_error_in_a_template_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours in a template does not end the drill."""
    (tmp_path / "report.html.j2").write_text("{{ nothing.of.this }}", encoding="utf-8")
    monkeypatch.setattr(html, "_TEMPLATES", tmp_path)
    (line,) = write.write_all(put(tmp_path / "out" / "a"), render_allure=False)
    assert "report.html could not be written" in line


def test_allures_own_files_are_filled(tmp_path: Path) -> None:
    """Where there are results, Allure's files lie beside them, with and without rendering."""
    folder = put(tmp_path / "out" / "a")
    (folder / "allure-results").mkdir()
    assert write.write_all(folder, render_allure=False) == []
    names = {file.name for file in (folder / "allure-results").iterdir()}
    files = {"environment.properties", "executor.json", "categories.json"}
    assert names == files | {"run-globals.json", "timeline-attachment.svg"}


def test_folder_without_a_record_is_said(tmp_path: Path) -> None:
    """A folder that is no run's is wrong usage, in one sentence."""
    with pytest.raises(ConfigError, match=r"no run record at .*expected the folder of a run"):
        write.write_all(tmp_path, render_allure=False)
