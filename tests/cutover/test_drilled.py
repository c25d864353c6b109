"""A run that cuts a target over which is not the run's own: what it needs leave for, and that it always leads back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from drills import record
from drills.clock import SystemClock
from drills.config import load as config
from drills.cutover import judge, steps
from drills.cutover.plan import group_name
from drills.model.record import RunRecord
from drills.record import Journal
from drills.run import context, cutover, finish
from drills.run.cutover import DrilledCutover
from tests.support.answering import answering
from tests.support.cutover import MARKER, Scene, make_scene
from tests.support.sandbox import RunningSandbox
from tests.support.service import eventually, get

CONFIG = """
[drill]
profile = "elsewhere"
[profiles.elsewhere]
kind = "endpoint"
endpoint_url = "{endpoint}"
allow = ["cuts_over"]
poll_every = "50ms"
[targets.{name}]
vault = "{name}-vault"
timeout = "1m"
[targets.{name}.restore]
ca_bundle = "{ca}"
[targets.{name}.credentials]
username = "owner"
secret_id = "{name}/database"
"""
CUTOVER = """
[targets.{name}.cutover]
services = ["{name}/{name}"]
public_url = "{url}"
database = "app"
journal = "{folder}/journals"
service_timeout = "60s"
restorable_within = "1s"
"""


def left_out(folder: Path, text: str, profile: str = "elsewhere") -> str:
    """Why a run with this drill.toml cuts nothing over."""
    path = folder / "drill.toml"
    path.write_text(text, encoding="utf-8")
    return cutover.reason_left_out(config.load(path, profile=profile, target=None, environment={}))


class TestLeave:
    """What drill.toml must say before a run moves a service that is not the run's own."""

    TEXT = CONFIG.format(endpoint="http://localhost:1", name="orders", ca="ca.pem")
    TABLE = CUTOVER.format(name="orders", url="http://localhost:2", folder="reports")

    def test_a_target_without_a_cut_over_is_left_out(self, tmp_path: Path) -> None:
        """The reason names the table."""
        assert "targets.orders.cutover in drill.toml" in left_out(tmp_path, self.TEXT)

    @pytest.mark.parametrize(("line", "found"), [("", "none"), ('drilled = "order"', '"order"')])
    def test_a_target_that_a_person_may_cut_over_is_left_out(self, tmp_path: Path, line: str, found: str) -> None:
        """A run types nothing: without the instance's own name in `drilled` it is not confirmed."""
        assert left_out(tmp_path, f"{self.TEXT}{self.TABLE}{line}\n").endswith(
            f'expected "orders" in drill.toml, found {found}'
        )

    @pytest.mark.parametrize(("state", "lacking"), [("available", ""), ("disabled", "no ecs, no elbv2 in its edition")])
    def test_an_endpoint_without_the_services_of_a_cut_over_is_left_out(
        self, tmp_path: Path, state: str, lacking: str
    ) -> None:
        """Its health page says which, and of which edition; the other scenarios run."""
        page = json.dumps({"services": {"rds": "available", "ecs": state, "elbv2": state}, "edition": "base"}).encode()
        path = tmp_path / "drill.toml"
        with answering("GET", lambda _: (200, page)) as url:
            path.write_text(CONFIG.format(endpoint=url, name="orders", ca="ca.pem") + self.TABLE, encoding="utf-8")
            reason = cutover.reason_lacking(config.load(path, profile="elsewhere", target=None, environment={}))
        assert (lacking in reason, bool(reason)) == (True, bool(lacking))

    def test_one_that_names_itself_is_cut_over(self, tmp_path: Path) -> None:
        """And in the sandbox, where the source was made for the run, each."""
        assert left_out(tmp_path, f'{self.TEXT}{self.TABLE}drilled = "orders"\n') == ""
        assert left_out(tmp_path, self.TEXT + "[profiles.sandbox]\n", profile="sandbox") == ""


class Elsewhere:
    """A service that is not the run's own, and the folder of a run that may move it."""

    def __init__(self, scene: Scene, *lines: str) -> None:
        self.scene, self.folder = scene, scene.folder / "run"
        values = {"name": scene.name, "url": scene.url, "folder": scene.folder}
        text = CONFIG.format(endpoint=scene.sandbox.endpoint, name=scene.name, ca=scene.sandbox.ca)
        text += CUTOVER.format(**values) + "".join(f"{line}\n" for line in lines)
        (scene.folder / "drill.toml").write_text(text, encoding="utf-8")
        self.folder.mkdir(exist_ok=True)
        context.save(self.folder, context.RunOptions(config_file=str(scene.folder / "drill.toml")))
        clock = SystemClock()
        opening = RunRecord(1, "20261128-120000-abcd", "elsewhere", True, clock.now(), "0")
        self.journal = Journal.create(self.folder, opening, origin=clock.monotonic())
        self.journal.enter("begin")

    def open(self) -> DrilledCutover:
        """The cut-over as the promises have it."""
        return cutover.open_cutover(self.folder, self.journal)

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Outcome and sentence of each verdict."""
        return {each.name: (each.outcome, each.sentence) for each in self.journal.record.verdicts}

    def kept(self) -> list[str]:
        """The last journal in the run's folder, and where it is for whoever goes on by hand."""
        (own,) = (self.folder / "cutover" / self.scene.name).glob("*.jsonl")
        configured = self.scene.folder / "journals" / self.scene.name / own.name
        assert configured.read_text(encoding="utf-8") == own.read_text(encoding="utf-8")
        return own.read_text(encoding="utf-8").splitlines()


@pytest.mark.postgres
@pytest.mark.sandbox
class TestElsewhere:
    """Cut-overs of a service that stays when the run has ended."""

    @pytest.fixture(autouse=True)
    def _keys(self, own_sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        """The endpoint is signed to with the keys of the environment."""
        for name, value in own_sandbox.variables.items():
            monkeypatch.setenv(name, value)

    def test_what_names_no_instance_moves_nothing(self, own_sandbox: RunningSandbox, tmp_path: Path) -> None:
        """Asked all the same, the first promise fails with the guard's sentence, none other is met, and the service goes on."""
        scene = make_scene(own_sandbox, "unnamed", tmp_path)
        run = Elsewhere(scene)

        run.open().move()

        told = {name: outcome for name, (outcome, _) in run.verdicts().items()}
        assert told == dict.fromkeys(told, "not verified") | {judge.NAME: "missed"}
        assert "expected the instance's name to be typed" in run.verdicts()[judge.NAME][1]
        assert (get(scene.url).status, scene.count(), scene.suspended()) == (200, 1, False)
        assert not (run.folder / "cutover").exists()

    def test_it_is_moved_led_back_and_told(self, own_sandbox: RunningSandbox, tmp_path: Path) -> None:
        """Each promise is met, the journal is in both places, and the run says what it has left in AWS."""
        scene = make_scene(own_sandbox, "moved", tmp_path)
        run, source = Elsewhere(scene, 'drilled = "moved"', f"marker = {json.dumps(MARKER)}"), scene.identity()
        move = run.open()

        move.move()
        assert (scene.orders(), scene.identity("moved-old")) == (3, source)
        assert {(each.id, each.state) for each in run.journal.record.resources if each.kind == "db-instance"} == {
            ("moved", "in use")
        }
        move.undo()

        assert {outcome for outcome, _ in run.verdicts().values()} == {"met"}
        assert (scene.identity(), scene.orders(), get(scene.url).json["orders"]) == (source, 1, 1)
        assert json.loads(run.kept()[-1])["event"] == "ended"
        finish.clean(run.folder, run.journal)
        state = move.state
        assert state is not None
        assert scene.identity(state.opening.aside) == state.restored_resource_id
        kept = {each.kind: each for each in record.load(run.folder).resources}
        assert (kept["db-instance"].id, kept["db-instance"].state) == (state.opening.aside, "kept")
        assert (kept["security-group"].id, kept["security-group"].state) == (group_name(state.opening), "kept")
        assert f"aws ec2 delete-security-group --group-id {state.group}" in kept["security-group"].note
        assert run.journal.record.failures == ()

    def test_a_run_that_ends_on_the_way_leads_it_back(
        self, own_sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The clean-up of the run gives the service its database again, whatever kept the move from its end."""
        monkeypatch.setattr(steps, "_SESSIONS_END_WITHIN", 2.0)  # of one that does not end
        scene = make_scene(own_sandbox, "stopped", tmp_path)
        run, source = Elsewhere(scene, 'drilled = "stopped"'), scene.identity()
        with scene.source.connect():  # nobody has asked this client to go
            run.open().move()
        outcome, sentence = run.verdicts()[judge.NAME]
        assert outcome == "missed"
        assert sentence.startswith("the cut-over stopped where it was to see that no session is left on the source")
        assert "without application_name as owner" in sentence
        assert get(scene.url).status == 503

        finish.clean(run.folder, run.journal)

        eventually(lambda: get(scene.url).status == 200, "the service to be back")
        assert (scene.identity(), scene.count(), scene.suspended()) == (source, 1, False)
        assert run.journal.record.failures == ()
        (group,) = run.journal.record.resources  # it stopped before anything was restored
        assert (group.kind, group.state) == ("security-group", "kept")
        assert json.loads(run.kept()[-1])["event"] == "ended"
