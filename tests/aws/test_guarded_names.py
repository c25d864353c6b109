"""The names and tags of a run's own things: what is no such name is refused with a sentence, letter by letter."""

from __future__ import annotations

import dataclasses

import pytest

from drills.aws.guarded.names import LockName, ScratchName, ScratchNames, check_name, scratch_tags
from drills.errors import Refused

RUN = "20261123-120000-abcd"
START = f"drill-{RUN}-"
LOCK = "drill-lock-0123456789abcdef-1"
NO_NAME = (
    "expected a run's id and a purpose of letters, digits and single hyphens, 63 characters in all, "
    'found "{}": nothing is made or removed under such a name'
)


def refusal_of(kind: str, text: str) -> str:
    """What check_name says of a name, "" where it is this run's."""
    try:
        check_name(kind, text, RUN)  # type: ignore[arg-type]  # a kind as a record has it
    except Refused as error:
        return str(error)
    return ""


def test_a_name_is_as_long_as_rds_takes_and_no_longer() -> None:
    """63 characters in all: one more would be refused by RDS only after the run has begun."""
    rest = "a" * (63 - len(START))
    name = ScratchName(RUN, rest)

    assert (name, name.run_id, len(name)) == (f"{START}{rest}", RUN, 63)
    with pytest.raises(Refused) as caught:
        ScratchName(RUN, f"{rest}a")
    assert str(caught.value) == NO_NAME.format(f"{START}{rest}a")


@pytest.mark.parametrize(("run_id", "rest"), [("a--b", "recovery"), ("a", "re_covery"), ("", "recovery"), ("a", "")])
def test_each_part_of_a_name_is_words(run_id: str, rest: str) -> None:
    """The run's id and the purpose alike: one good part does not excuse the other."""
    with pytest.raises(Refused) as caught:
        ScratchName(run_id, rest)
    assert str(caught.value) == NO_NAME.format(f"drill-{run_id}-{rest}")


def test_a_name_that_is_read_is_the_runs_and_says_whose_else() -> None:
    """One that is no drill's, and one of another run, are told apart."""
    name = ScratchName.read(f"{START}recovery", RUN)

    assert (type(name), name, name.run_id) == (ScratchName, f"{START}recovery", RUN)
    assert refusal_of("db-instance", "orders") == "its name does not begin with 'drill-'"
    other = "drill-20261123-120000-beef-recovery"
    assert refusal_of("db-instance", other) == f"its name does not begin with '{START}', as the names of this run do"


@pytest.mark.parametrize("text", ["drill-lock-", LOCK[:-1], f"{LOCK}x", LOCK.upper(), "orders", f"x{LOCK}"])
def test_a_lock_is_named_by_a_digest_and_a_number(text: str) -> None:
    """Nothing else is taken for a lock, and the sentence shows what was."""
    lock = LockName(LOCK)

    assert (type(lock), lock) == (LockName, LOCK)
    with pytest.raises(Refused) as caught:
        LockName(text)
    assert str(caught.value) == f'expected the name of a lock (drill-lock-<16 hex digits>-<number>), found "{text}"'


def test_a_lock_is_a_parameter_group_and_nothing_else() -> None:
    """Another thing of a lock's name is not this run's, nor is a group that only begins like a lock."""
    assert refusal_of("db-parameter-group", LOCK) == ""
    assert refusal_of("db-parameter-group", f"{START}recovery-parameters") == ""
    assert refusal_of("db-parameter-group", "drill-lock-1").startswith("expected the name of a lock (drill-lock-<")
    assert refusal_of("db-parameter-group", "default.postgres16") == "its name does not begin with 'drill-'"
    for kind in ("db-instance", "db-snapshot", "db-subnet-group", "security-group", "log-group"):
        assert "as the names of this run do" in refusal_of(kind, LOCK)


def test_a_log_group_is_named_after_the_instance() -> None:
    """The instance's name lies between the prefix of RDS and the next slash, and no other kind of thing has such a name."""
    assert refusal_of("log-group", f"/aws/rds/instance/{START}recovery/postgresql/more") == ""
    assert refusal_of("log-group", f"{START}recovery") == ""
    assert refusal_of("log-group", f"{START}recovery/postgresql") == NO_NAME.format(f"{START}recovery/postgresql")
    assert refusal_of("log-group", f"/aws/rds/{START}recovery") == "its name does not begin with 'drill-'"
    assert refusal_of("db-instance", f"/aws/rds/instance/{START}recovery/a") == "its name does not begin with 'drill-'"


def test_a_restore_names_its_things_after_what_they_are() -> None:
    """An owner who finds one in the console sees the run, the purpose and the part."""
    names = ScratchNames.of(RUN, "rehearsal")

    assert dataclasses.asdict(names) == {
        "instance": f"{START}rehearsal",
        "parameter_group": f"{START}rehearsal-parameters",
        "subnet_group": f"{START}rehearsal-subnets",
        "security_group": f"{START}rehearsal-isolation",
        "snapshot": f"{START}rehearsal-copy",
        "secret": f"{START}rehearsal-login",
        "writer": f"{START}rehearsal-writer",
        "cluster_parameters": f"{START}rehearsal-cluster-parameters",
    }
    made = [getattr(names, each.name) for each in dataclasses.fields(names)]
    assert [(type(each), each.run_id) for each in made] == [(ScratchName, RUN)] * 8


@pytest.mark.parametrize(("length", "kept"), [(255, 255), (256, 256), (257, 256)])
def test_the_tag_of_the_target_is_one_that_rds_takes(length: int, kept: int) -> None:
    """Up to 256 characters, and `_` for those that a tag cannot have; the owner's own tags stay beside it."""
    tags = scratch_tags("run-1", "orders; drop".ljust(length, "x"), "2026-11-23T16:00:00+00:00", {"team": "a"})

    assert tags == {
        "team": "a",
        "drills:run": "run-1",
        "drills:target": "orders_ drop".ljust(kept, "x"),
        "drills:expires": "2026-11-23T16:00:00+00:00",
    }
