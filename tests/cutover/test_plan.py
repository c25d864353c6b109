"""The steps of a cut-over, their calls and its journal: pure, held against the AWS API as botocore knows it."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.databases.kinds import INSTANCE
from drills.aws.settings import settings_from
from drills.cutover import configuration, plan, show
from drills.cutover.model import (
    OPEN_WRITES,
    Entry,
    Mode,
    Opening,
    Position,
    RememberedService,
    RestoreChoice,
    Scaling,
    State,
    opening_facts,
    read_entry,
    replay_journal,
    write_entry,
)
from drills.cutover.steps import STEPS
from drills.errors import ConfigError
from drills.model.parity import NotVerified
from tests.support.cutover import accepted, model

NOW = datetime(2026, 11, 28, 3, 0, 0, tzinfo=UTC)
POSITIONS: tuple[Position, ...] = get_args(Position)
MODES: tuple[Mode, ...] = get_args(Mode)
ROLE = "arn:aws:iam::123456789012:role/monitoring"
# every setting that a restore resets or cannot take, none of them as a restore leaves it
SETTINGS: dict[str, object] = {
    "instance_class": "db.r6g.xlarge",
    "allocated_storage": 500,
    "storage_type": "gp3",
    "iops": 14000,
    "storage_throughput": 600,
    "multi_az": True,
    "publicly_accessible": True,
    "auto_minor_version_upgrade": False,
    "iam_authentication": True,
    "deletion_protection": True,
    "copy_tags_to_snapshot": True,
    "backup_retention_days": 14,
    "backup_window": "02:00-02:30",
    "ca_certificate": "rds-ca-rsa4096-g1",
    "network_type": "DUAL",
    "engine_lifecycle_support": "open-source-rds-extended-support-disabled",
    "dedicated_log_volume": True,
    "security_groups": ["sg-1", "sg-2"],
    "log_exports": ["postgresql", "upgrade"],
    "parameter_group": "orders-parameters",
    "subnet_group": "orders-subnets",
    "option_group": "orders-options",
    "port": 6432,
    "maintenance_window": "sun:03:00-sun:03:30",
    "max_allocated_storage": 1000,
    "monitoring_seconds": 30,
    "monitoring_role": ROLE,
    "performance_insights": True,
    "performance_insights_key": "arn:aws:kms:eu-central-1:123456789012:key/1",
    "performance_insights_days": 31,
    "database_insights": "advanced",
    "tag.application": "shop",
}
BARE = {"DBInstanceIdentifier": "orders", "AutoMinorVersionUpgrade": True}  # as a restore without parameters leaves it
CHOSEN = (
    RestoreChoice("snapshot", "arn:aws:rds:eu-central-1:123456789012:snapshot:awsbackup:job-1", "awsbackup:job-1"),
    RestoreChoice("moment", moment=NOW, data_time=NOW, source_resource_id="db-A"),
    RestoreChoice("moment", latest=True, data_time=NOW, source_resource_id="db-A"),
    RestoreChoice("job", "arn:aws:backup:eu-central-1:123456789012:recovery-point:1"),
)
SERVICES = (
    RememberedService("shop", "web", 3, Scaling(1, 6, (False, True, False))),
    RememberedService("shop", "worker", 1),
)


def opening_of(position: Position = "healthy", **changes: Any) -> Opening:
    """What a cut-over of `orders` knows."""
    known = Opening(
        id="20261128-030000-abcd",
        target="orders",
        profile="live",
        instance="orders",
        renamed="orders-old" if position == "healthy" else "",
        restored="orders-restored" if position == "stuck" else "orders",
        aside="orders-aside-abcd",
        position=position,
        source_resource_id="" if position == "gone" else "db-A",
        chosen=CHOSEN[0],
        wanted=configuration.configuration_from(SETTINGS),
        wanted_from="the old instance",
        left={"multi_az": True},
        services=SERVICES,
        public_url="https://shop.example.com",
        address="" if position == "gone" else "orders.example.com:6432",
    )
    return dataclasses.replace(known, **changes)


def journal(opening: Opening, keys: tuple[str, ...], back: tuple[str, ...] = ()) -> list[Entry]:
    """A journal in which all the steps were done, one a second; then those of the way back."""
    told: list[tuple[Any, str, dict[str, Any]]] = [("opened", "", opening_facts(opening))]
    for key in keys:
        facts = {"restored_resource_id": "db-B"} if key == "restore" else {}
        told += [("begin", key, {}), ("done", key, facts)]
    if back:
        told.append(("turned back", "", {}))
        told += [(event, key, {}) for key in back for event in ("begin", "done")]
    told.append(("ended", "", {}))
    return [
        Entry(number, NOW + timedelta(seconds=number), "somebody@host", event, key, facts)
        for number, (event, key, facts) in enumerate(told, 1)
    ]


def keys_of(opening: Opening, mode: Mode) -> tuple[str, ...]:
    """The keys of the steps, in their order."""
    return tuple(each.key for each in plan.steps(opening, mode))


def members(service: str, operation: str) -> set[str]:
    """The parameters of an operation."""
    return set(model(service).operation_model(operation).input_shape.members)


class TestTheSteps:
    """What is done, in which order, in each of the three positions."""

    @pytest.mark.parametrize("position", POSITIONS)
    @pytest.mark.parametrize("mode", MODES)
    def test_each_has_a_title_a_function_and_calls_that_aws_accepts(self, position: Position, mode: Mode) -> None:
        """No step is named that cannot be told, done and printed; each parameter is one of the operation, of its type."""
        for chosen in CHOSEN:
            opening = opening_of(position, chosen=chosen)
            found = plan.steps(opening, mode)
            assert len({each.key for each in found}) == len(found)
            for each in found:
                assert each.title
                assert each.key in STEPS
                for call in plan.calls(opening, each.key, "sg-9"):
                    assert accepted(call) == "", call

    def test_the_old_instance_is_removed_with_a_final_snapshot(self) -> None:
        """AWS accepts the calls; the automated backups stay."""
        unprotect, delete = plan.calls(opening_of(), "remove-old")
        assert (accepted(unprotect), accepted(delete)) == ("", "")
        assert delete.parameters["FinalDBSnapshotIdentifier"].startswith("orders-old-final-")
        assert delete.parameters["DeleteAutomatedBackups"] is False

    def test_nothing_else_is_known_to_be_done(self) -> None:
        """Every function of a step belongs to a plan, or to removing the old instance."""
        known = {key for position in POSITIONS for mode in MODES for key in keys_of(opening_of(position), mode)}
        assert known | {"remove-old"} == set(STEPS)

    @pytest.mark.parametrize("position", POSITIONS)
    def test_nobody_is_let_in_before_the_data_are_verified(self, position: Position) -> None:
        """The address is closed before the restore; configuration and data are looked at before writes are opened."""
        keys = keys_of(opening_of(position), "forward")
        order = ("stop-tasks", "address-closed", "restore", "settle", "compare", "verify", OPEN_WRITES, "start-tasks")
        places = [keys.index(each) for each in order]
        assert places == sorted(places)
        assert ("rename" in keys) == ("rename-back" in keys_of(opening_of(position), "back")) == (position == "healthy")
        assert ("switch" in keys) == ("switch-back" in keys_of(opening_of(position), "back")) == (position == "stuck")

    @pytest.mark.parametrize("position", POSITIONS)
    def test_no_step_back_deletes(self, position: Position) -> None:
        """A rollback renames, modifies, stops and starts."""
        opening = opening_of(position)
        made = [call.operation for key in keys_of(opening, "back") for call in plan.calls(opening, key, "sg-9")]
        assert not [each for each in made if each.startswith(("Delete", "Restore", "Create"))]

    def test_scaling_and_counts_come_back_as_they_were(self) -> None:
        """Only what has a scalable target is suspended; what was suspended before stays so."""
        (resumed,) = plan.calls(opening_of(), "resume-scaling")
        assert list(resumed.parameters["SuspendedState"].values()) == [False, True, False]
        assert (resumed.parameters["MinCapacity"], resumed.parameters["MaxCapacity"]) == (1, 6)
        started = plan.calls(opening_of(), "start-tasks")
        assert [each.parameters["desiredCount"] for each in started] == [3, 1]


class TestTheConfiguration:
    """What a restore is asked with, and what is modified afterwards."""

    def test_every_setting_that_is_reset_is_given(self) -> None:
        """Each setting of an instance reaches either the restore or the follow-up, and nothing is asked of the wrong one."""
        given = configuration.restore_parameters(configuration.configuration_from(SETTINGS), "id", "sg-9")
        later = configuration.follow_up(configuration.configuration_from(SETTINGS), BARE)
        assert set(given) == {*configuration._RESTORE_PARAMETERS.values(), "Tags"}
        assert set(configuration._MODIFY_PARAMETERS.values()) <= set(later)
        for operation in ("RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime"):
            assert set(given) <= members("rds", operation)
        assert set(later) <= members("rds", "ModifyDBInstance")
        assert {*SETTINGS} - {"tag.application"} == {
            *configuration._RESTORE_PARAMETERS,
            *configuration._MODIFY_PARAMETERS,
        }

    def test_the_verification_group_alone_is_given_and_no_protection(self) -> None:
        """Whatever the source had: nobody else gets in, and an instance that is spoilt can be deleted."""
        given = configuration.restore_parameters(configuration.configuration_from(SETTINGS), "id", "sg-9")
        assert (given["VpcSecurityGroupIds"], given["DeletionProtection"]) == (["sg-9"], False)
        assert {"Key": configuration.CUTOVER_TAG, "Value": "id"} in given["Tags"]

    @pytest.mark.parametrize(
        "parameter", sorted(set(configuration._RESTORE_PARAMETERS.values()) | configuration.modify_only(INSTANCE))
    )
    def test_a_restore_that_left_one_out_is_followed_up(self, parameter: str) -> None:
        """Each alone: the follow-up names it, but for what the restore gives for good and what is opened later."""
        known = configuration.configuration_from(SETTINGS)
        given = configuration.follow_up(
            {parameter: known[parameter], "StorageType": "gp3", "AllocatedStorage": 500}, BARE
        )
        name = {"EnableCloudwatchLogsExports": "CloudwatchLogsExportConfiguration"}.get(parameter, parameter)
        assert (name in given) == (parameter not in configuration._NOT_MODIFIED)

    def test_an_instance_that_is_right_gets_no_follow_up(self) -> None:
        """What DescribeDBInstances tells of the source asks for nothing on the source."""
        raw = {
            "DBInstanceIdentifier": "orders",
            "DBInstanceClass": "db.t4g.medium",
            "MultiAZ": True,
            "StorageType": "gp3",
            "AllocatedStorage": 20,
            "Iops": 3000,
            "StorageThroughput": 125,
            "BackupRetentionPeriod": 7,
            "EnabledCloudwatchLogsExports": ["postgresql"],
            "MonitoringInterval": 0,
            "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
        }
        known = configuration.configuration_from(settings_from(raw))
        assert configuration.follow_up(known, raw) == {}
        assert set(configuration.follow_up(known, {**raw, "MultiAZ": False})) == {"MultiAZ"}

    @given(st.sampled_from(["gp2", "gp3", "io1", "io2", "standard"]), st.integers(20, 2000))
    def test_rates_are_asked_for_only_where_the_volume_takes_them(self, kind: str, size: int) -> None:
        """gp3 below 400 GiB has its baseline, gp2 and magnetic disks have no rate, io1 and io2 no throughput."""
        known = configuration.configuration_from({**SETTINGS, "storage_type": kind, "allocated_storage": size})
        given = configuration.restore_parameters(known, "id", "sg-9")
        large = kind == "gp3" and size >= 400
        assert ("Iops" in given, "StorageThroughput" in given) == (large or kind in ("io1", "io2"), large)

    @given(
        st.dictionaries(
            st.sampled_from(
                ["team", "aws:cloudformation:stack-name", configuration.OPT_IN_TAG, configuration.CUTOVER_TAG]
            ),
            st.text(max_size=5),
        )
    )
    def test_tags_are_the_source_s_without_what_must_not_be_copied(self, tags: dict[str, str]) -> None:
        """AWS's own cannot be given, the opt-in names another instance, and the cut-over's own is this one's."""
        kept = configuration.tags_for({"Tags": tags}, "this")
        assert kept == {configuration.CUTOVER_TAG: "this"} | ({"team": tags["team"]} if "team" in tags else {})

    @given(st.dictionaries(st.sampled_from(sorted(SETTINGS)), st.sampled_from([None, "", NotVerified("denied")])))
    def test_what_is_absent_or_unread_is_not_asked_for(self, changed: dict[str, object]) -> None:
        """No request holds a value that nobody knows."""
        known = configuration.configuration_from(
            {name: value for name, value in {**SETTINGS, **changed}.items() if "tag." not in name}
        )
        assert not [value for value in known.values() if value in (None, "") or isinstance(value, NotVerified)]
        names = {(configuration._RESTORE_PARAMETERS | configuration._MODIFY_PARAMETERS).get(each) for each in changed}
        assert not names & set(known)

    def test_a_restore_job_s_metadata_say_the_same_as_the_restore(self) -> None:
        """Written as strings, they are read back by the reader of GetRecoveryPointRestoreMetadata."""
        known = configuration.configuration_from(SETTINGS)
        metadata = configuration.metadata_parameters(known, "sg-9")
        assert all(isinstance(each, str) for each in metadata.values())
        asked = configuration.restore_parameters(known, "", "sg-9")
        del asked["Tags"]
        assert configuration.configuration_from_metadata(metadata) == asked

    @pytest.mark.parametrize("text", ["[db", "{", "007"])
    def test_metadata_that_are_no_json_are_kept_as_they_are_written(self, text: str) -> None:
        """A value that only looks like JSON is a string, and ends nothing."""
        assert configuration.configuration_from_metadata({"DBParameterGroupName": text}) == {
            "DBParameterGroupName": text
        }


class TestTheJournal:
    """Whoever has the journal knows where everything is, wherever it ends."""

    @given(
        st.builds(
            Entry,
            number=st.integers(1, 10**6),
            at=st.datetimes(timezones=st.just(UTC)),
            who=st.text(max_size=10),
            event=st.sampled_from(["begin", "done", "failed", "noted", "turned back", "ended"]),
            step=st.sampled_from(sorted(STEPS)),
            facts=st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=9), st.booleans(), st.integers())),
            door=st.lists(st.tuples(st.datetimes(timezones=st.just(UTC)), st.text(max_size=4)), max_size=3).map(tuple),
        )
    )
    def test_an_entry_is_read_as_it_was_written(self, entry: Entry) -> None:
        """Whatever a step found out, in one line."""
        line = write_entry(entry)
        assert "\n" not in line
        assert read_entry(line) == entry

    @pytest.mark.parametrize("position", POSITIONS)
    @pytest.mark.parametrize("chosen", CHOSEN)
    def test_the_opening_is_read_as_it_was_written(self, position: Position, chosen: RestoreChoice) -> None:
        """Everything that the steps need is in the first entry."""
        opening = opening_of(position, chosen=chosen)
        (first, *_) = journal(opening, ())
        assert replay_journal([read_entry(write_entry(first))]).opening == opening

    @pytest.mark.parametrize("position", POSITIONS)
    def test_every_beginning_of_a_journal_tells_what_is_done_and_what_to_type(self, position: Position) -> None:
        """Forward and back: the step that was begun, those that are done, writes opened or not, and the next command."""
        opening = opening_of(position)
        entries = journal(opening, keys_of(opening, "forward"), keys_of(opening, "back"))
        for length in range(1, len(entries) + 1):
            told = entries[:length]
            state = replay_journal(told)
            turned = [number for number, each in enumerate(told) if each.event == "turned back"]
            since = told[turned[0] :] if turned else told
            assert state.mode == ("back" if turned else "forward")
            assert set(state.done) == {each.step for each in since if each.event == "done"}
            assert state.begun == (told[-1].step if told[-1].event == "begin" else "")
            assert state.ended == (told[-1].event == "ended")
            opened = [each.at for each in told if (each.event, each.step) == ("begin", OPEN_WRITES)]
            assert state.writes_opened_at == (opened[0] if opened else None)
            restored = any((each.event, each.step) == ("done", "restore") for each in told)
            assert state.restored_resource_id == ("db-B" if restored else "")
            _sees(state, position)

    @pytest.mark.parametrize("entries", [[], journal(opening_of(), ())[1:]])
    def test_a_journal_without_its_beginning_is_refused(self, entries: list[Entry]) -> None:
        """No traceback, and nothing guessed."""
        with pytest.raises(ConfigError, match="begins with what the cut-over knew"):
            replay_journal(entries)

    @pytest.mark.parametrize("line", ["", "{}", '{"number": 1', '"opened"'])
    def test_a_line_that_is_no_entry_is_refused(self, line: str) -> None:
        """A damaged journal says so."""
        with pytest.raises(ConfigError, match="expected an entry of a cut-over's journal"):
            read_entry(line)


def _sees(state: State, position: Position) -> None:
    """Where everything is, in words that fit the position; the commands that are typed next, and the command line's."""
    opening, now = state.opening, show.situation(state)
    forms = {"healthy": r"the source is called (orders|orders-old)", "stuck": "is as it was", "gone": "source is gone"}
    assert re.search(forms[position], now)
    assert ("writes were opened at" in now) == (state.writes_opened_at is not None)
    assert ("the restored instance is called" in now) == bool(state.restored_resource_id)
    commands = "\n".join(show.next_commands(state))
    assert f"drills cutover resume {opening.id}" in commands
    assert (f"drills cutover rollback {opening.id}" in commands) == (state.mode == "forward")
    assert ("--discard-writes-since" in commands) == (state.mode == "forward" and state.writes_opened_at is not None)
