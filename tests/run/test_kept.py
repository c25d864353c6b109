"""What a cut-over makes in AWS and does not delete, as the run's record has it."""

from __future__ import annotations

import dataclasses

from drills.aws.scratch import remaining_resources
from drills.cutover.model import Opening, State, replay_journal
from drills.model.instance import Resource
from drills.run.kept import kept_resources
from tests.support.moves import OPENING, entries_of, journal

GROUP = "cutover-20261128-120000-abcd-verification"


def kept(state: State, *given: str) -> dict[str, Resource]:
    """What is kept, by its kind; `given` are the options of the run that lead to the target."""
    return {each.kind: each for each in kept_resources(state, "123456789012", "eu-central-1", given)}


def protected(opening: Opening = OPENING) -> Opening:
    """The opening of a source with deletion protection."""
    return dataclasses.replace(opening, wanted={"DeletionProtection": True})


def test_what_a_rollback_leaves_is_kept_on_purpose_with_the_command_that_removes_it() -> None:
    """The instance stands under the name that it has by then, and what was written to it is not lost by that command."""
    found = kept(replay_journal(entries_of(protected(), back=True, facts={})))

    instance, group = found["db-instance"], found["security-group"]
    assert (instance.id, instance.state, group.id, group.state) == ("orders-prod-aside-abcd", "kept", GROUP, "kept")
    assert instance.note == (
        "kept on purpose, since the cut-over 20261128-120000-abcd deletes nothing; it has what was written while it "
        "served; to remove it: aws rds modify-db-instance --db-instance-identifier orders-prod-aside-abcd --region "
        "eu-central-1 --no-deletion-protection --apply-immediately && aws rds delete-db-instance "
        "--db-instance-identifier orders-prod-aside-abcd --region eu-central-1 --final-db-snapshot-identifier "
        "orders-prod-aside-abcd-final"
    )
    assert group.note.endswith(
        "once the restored instance is gone: aws ec2 delete-security-group --group-id sg-drill --region eu-central-1"
    )
    assert remaining_resources(found.values()) == ()


def test_until_it_is_rolled_back_it_is_in_use_and_no_command_deletes_it() -> None:
    """It bears the name of production and serves: the one command that is told leads the service back."""
    found, opened = kept(journal(), "--target", "orders", "--confirm", "orders-prod"), journal().writes_opened_at

    assert {each.state for each in found.values()} == {"in use"}
    assert found["db-instance"].id == "orders-prod"
    assert all(
        each.note.endswith(
            "is not rolled back: drills cutover rollback 20261128-120000-abcd --discard-writes-since "
            f"{opened:%Y-%m-%dT%H:%M:%SZ} --target orders --confirm orders-prod"
        )
        for each in found.values()
    )
    assert not any("delete" in each.note for each in found.values())
    assert remaining_resources(found.values()) == ()


def test_what_was_asked_for_without_an_answer_may_have_been_made() -> None:
    """From before the call on the record names it, whether or not the process came to see the answer."""
    assert kept(journal("address-closed")) == {}
    assert set(kept(journal("verification-group"))) == {"security-group"}
    asked = kept(journal("restore"))["db-instance"]
    assert asked.note.startswith("it may have been made; ")


def test_what_a_rollback_looked_for_and_did_not_find_is_not_kept() -> None:
    """A restore that AWS refused has made nothing; its group is left all the same."""
    state = replay_journal(entries_of(OPENING, back=True, facts={"restore": {}, "move-aside": {"aside": ""}}))

    assert set(kept(state)) == {"security-group"}


def test_a_group_that_the_configuration_names_is_not_the_runs() -> None:
    """It was there before, and is used by others."""
    named = dataclasses.replace(OPENING, verification_group="sg-ours")

    assert set(kept(replay_journal(entries_of(named, back=True)))) == {"db-instance"}


def test_a_source_that_could_not_be_modified_leaves_the_restored_name() -> None:
    """Nothing is renamed there, and the command names what there is."""
    stuck = dataclasses.replace(OPENING, position="stuck", renamed="", restored="orders-prod-restored")

    assert kept(replay_journal(entries_of(stuck, back=True)))["db-instance"].id == "orders-prod-restored"
