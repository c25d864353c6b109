"""One target is drilled by one run at a time, on whichever machines; a run that died holds it no longer than its time."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.aws.cleanup import remove_all
from drills.aws.guarded.names import LOCK_PREFIX, LockName, scratch_tags
from drills.aws.scratch import Scratch
from drills.config.limits import Limit
from drills.config.load import RestoreConfig
from drills.errors import COULD_NOT_RUN, DrillError
from drills.model.instance import TABLE, VOLUME, Resource
from drills.model.record import SCHEMA_VERSION, RunRecord
from drills.record import Journal
from drills.run.target_lock import Lease, TargetHeld, TargetLock, is_alive, over_here, stem_of
from tests.support.clock import NOON, HandClock
from tests.support.lossy import ACCOUNT, REGION, LossyAws, make_parameter_group
from tests.support.models import mock_aws

SOURCE = (ACCOUNT, REGION)
STEM = stem_of(*SOURCE, "orders")
IN_TIME, OVER = "2026-11-23T16:00:00+00:00", "2026-11-23T12:00:00+00:00"
LIMIT = Limit("the clean-up", 600.0, "targets.orders.limits.clean_up", "default")


@pytest.fixture
def aws() -> Iterator[LossyAws]:
    """An AWS in this process."""
    with mock_aws():
        made = LossyAws()
        yield made
        made.recover()


@dataclasses.dataclass
class Run:
    """A run that wants the target, with its record."""

    aws: LossyAws
    journal: Journal
    lock: TargetLock

    def take(self) -> str:
        """Take the lock at noon."""
        return self.lock.take("orders", None, NOON)

    def clean(self) -> tuple[Resource, ...]:
        """What is left after the clean-up of the run."""
        return remove_all(self.aws.clients, self.journal, self.journal.clock, every=15.0, limit=LIMIT)


def never(_run_id: str) -> bool:
    """No run is known to have ended."""
    return False


def run_of(
    aws: LossyAws,
    folder: Path,
    run_id: str,
    expires: str = IN_TIME,
    is_over: Callable[[str], bool] = never,
    resumes: tuple[str, ...] = (),
) -> Run:
    """A run with its own tags."""
    (folder / run_id).mkdir(parents=True, exist_ok=True)
    opening = RunRecord(SCHEMA_VERSION, run_id, "aws", False, NOON, "0")
    journal = Journal.create(folder / run_id, opening, origin=0, clock=HandClock())
    tags = scratch_tags(run_id, "orders", expires, {}) | {"drills:held-by": run_id}
    scratch = Scratch(aws.clients, RestoreConfig(), journal, tags)
    return Run(aws, journal, TargetLock(aws.clients, scratch, {run_id, *resumes}, SOURCE, is_over))


def leases(aws: LossyAws) -> set[str]:
    """The leases that AWS has."""
    listed = aws.clients.rds.describe_db_parameter_groups()["DBParameterGroups"]
    return {each["DBParameterGroupName"] for each in listed if each["DBParameterGroupName"].startswith(LOCK_PREFIX)}


def test_the_second_run_is_refused_until_the_first_is_done(aws: LossyAws, tmp_path: Path) -> None:
    """The sentence says who, until when, and what to type; nothing of the first is touched; afterwards it is free."""
    first, second = (run_of(aws, tmp_path, name) for name in ("first", "second"))

    assert first.take() == f"{STEM}-1"
    with pytest.raises(TargetHeld) as held:
        second.take()

    assert held.value.exit_code == COULD_NOT_RUN
    assert "found run first at it, until 2026-11-23 16:00:00 UTC at the latest" in str(held.value)
    assert f"aws rds delete-db-parameter-group --db-parameter-group-name {STEM}-1 --region {REGION}" in str(held.value)
    assert second.clean() == ()
    assert leases(aws) == {f"{STEM}-1"}
    assert first.clean() == ()
    assert second.take() == f"{STEM}-1"


def test_another_target_is_another_lock(aws: LossyAws, tmp_path: Path) -> None:
    """The source's account, region and name make the lock: a namesake elsewhere is not held."""
    run_of(aws, tmp_path, "first").take()

    assert run_of(aws, tmp_path, "second").lock.take("invoices", None, NOON).endswith("-1")
    assert stem_of(ACCOUNT, "eu-west-1", "orders") != STEM != stem_of("111122223333", REGION, "orders")
    assert stem_of(*SOURCE, TABLE, "orders") not in (STEM, stem_of(*SOURCE, VOLUME, "orders"))


def test_a_dead_run_does_not_hold_its_target_for_ever(aws: LossyAws, tmp_path: Path) -> None:
    """Past its time it is passed by with the next number; its own late clean-up takes nothing from the new run."""
    dead, fresh, third = (
        run_of(aws, tmp_path, name, at) for name, at in (("dead", OVER), ("fresh", IN_TIME), ("third", IN_TIME))
    )
    dead.take()

    assert fresh.take() == f"{STEM}-2"
    assert dead.clean() == ()
    assert leases(aws) == {f"{STEM}-2"}
    with pytest.raises(TargetHeld, match="found run fresh at it"):
        third.take()


@pytest.mark.parametrize("ended", [True, False])
def test_a_run_that_ended_here_holds_nothing(aws: LossyAws, tmp_path: Path, ended: bool) -> None:
    """What its record on this machine says: a killed run that was sealed is over before its time is."""
    name = "20261123-110000-abcd"
    killed = run_of(aws, tmp_path, name)
    killed.take()
    if ended:
        killed.journal.end()
    fresh = run_of(aws, tmp_path, "fresh", is_over=over_here(tmp_path))

    if ended:
        assert fresh.take() == f"{STEM}-2"
    else:
        with pytest.raises(TargetHeld, match=name):
            fresh.take()


def test_one_run_at_a_time_goes_on_with_a_copy(aws: LossyAws, tmp_path: Path) -> None:
    """The lock passes from a lost run to the one that resumes it, and not to a second; what that run's record says is not asked."""
    lost = run_of(aws, tmp_path, "20261123-110000-abcd")
    lost.take()
    lost.journal.end()
    one, two = (
        run_of(aws, tmp_path, name, is_over=over_here(tmp_path), resumes=("20261123-110000-abcd",))
        for name in ("one", "two")
    )

    assert one.take() == f"{STEM}-2"
    with pytest.raises(TargetHeld, match="found run one at it"):
        two.take()


@pytest.mark.parametrize("how", ["connection reset", "no answer"])
def test_a_lease_whose_answer_was_lost_is_ones_own(aws: LossyAws, tmp_path: Path, how: str) -> None:
    """It was made, the repetition is refused since it exists, and its tag says whose it is."""
    run = run_of(aws, tmp_path, "first")
    aws.lose("rds", "CreateDBParameterGroup", how, times=1)

    assert run.take() == f"{STEM}-1"
    assert [(each.id, each.state) for each in run.journal.record.resources] == [(f"{STEM}-1", "made")]


@pytest.mark.parametrize("quicker", ["the same number", "another number"])
def test_of_two_that_come_together_none_passes_the_other(
    aws: LossyAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quicker: str
) -> None:
    """Another run's lease appears between the look and the call: this one gives way, and leaves nothing."""
    mine, theirs = (run_of(aws, tmp_path, name) for name in ("mine", "theirs"))
    usual = Scratch.make_lock

    def late(scratch: Scratch, name: LockName, source: None) -> None:
        monkeypatch.setattr(Scratch, "make_lock", usual)
        number = 1 if quicker == "the same number" else 7
        tags = [{"Key": "drills:held-by", "Value": "theirs"}, {"Key": "drills:expires", "Value": IN_TIME}]
        make_parameter_group(aws.clients.rds, f"{STEM}-{number}", tags)
        usual(scratch, name, source)

    monkeypatch.setattr(Scratch, "make_lock", late)
    with pytest.raises(TargetHeld, match="found run theirs at it"):
        mine.take()

    before = leases(aws)
    assert mine.clean() == ()
    assert len(before) == (1 if quicker == "the same number" else 2)
    assert len(leases(aws)) == 1
    assert theirs.clean() == ()


def test_another_run_that_is_quick_at_any_call_is_told_from_a_right_that_lacks(aws: LossyAws, tmp_path: Path) -> None:
    """It takes the lock before any call of this one, and is done before any later one: never two, and no other error than that."""
    usual = aws.clients.rds._endpoint._get_response
    acts: dict[int, Callable[[], object]] = {}
    made = itertools.count()

    def get(*given: object) -> object:
        act = acts.pop(next(made), None)
        if act:
            aws.clients.rds._endpoint._get_response = usual  # what the other asks is not counted
            act()
            aws.clients.rds._endpoint._get_response = get
        return usual(*given)

    def attempt(run: Run) -> bool:
        try:
            run.take()
        except TargetHeld:
            return False
        return True

    for number, (comes, goes) in enumerate(itertools.combinations(range(9), 2)):
        mine, other = (run_of(aws, tmp_path, f"{who}{number}") for who in ("mine", "other"))
        has: set[str] = set()
        acts.update({comes: lambda other=other, has=has: attempt(other) and has.add("other")})  # type: ignore[misc]
        acts.update({goes: lambda other=other, has=has: (other.clean(), has.discard("other"))})  # type: ignore[misc]
        made = itertools.count()
        aws.clients.rds._endpoint._get_response = get
        if attempt(mine):
            has.add("mine")
        aws.recover()
        acts.clear()
        assert has != {"mine", "other"}, (comes, goes)
        assert (mine.clean(), other.clean(), leases(aws)) == ((), (), set())


def test_never_two_of_many(aws: LossyAws, tmp_path: Path) -> None:
    """Eight runs at once: at most one has the target, and who gives way leaves no lease."""
    runs = [run_of(aws, tmp_path, f"run{number}") for number in range(8)]

    def attempt(run: Run) -> bool:
        try:
            run.take()
        except TargetHeld:
            assert run.clean() == ()
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, runs))

    assert sum(won) <= 1
    assert len(leases(aws)) == sum(won)


def test_a_right_that_lacks_is_named(aws: LossyAws, tmp_path: Path) -> None:
    """Without the lock nothing is begun: the sentence has the right, and the key that goes without."""
    aws.lose("rds", "CreateDBParameterGroup", "denied", times=None, carried_out=False)

    with pytest.raises(DrillError, match=r"AccessDenied.* allow rds:CreateDBParameterGroup on .*, or set lock = false"):
        run_of(aws, tmp_path, "first").take()


def test_the_lock_goes_last(aws: LossyAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run begins when nothing of this one is left: what is refused goes before the lock too."""
    run = run_of(aws, tmp_path, "first")
    run.take()
    other = Resource("db-snapshot", "drill-first-recovery-copy", "planned", ACCOUNT, REGION)
    run.journal.resource(other)
    seen: list[tuple[str, str]] = []
    usual = run.journal.resource

    def note(resource: Resource) -> None:
        seen.append((resource.id, resource.state))
        usual(resource)

    monkeypatch.setattr(run.journal, "resource", note)

    assert run.clean() == ()

    assert seen == [(other.id, "gone"), (f"{STEM}-1", "gone")]


@given(st.sampled_from(["", "mine", "theirs"]), st.one_of(st.text(), st.integers(-99, 99)), st.booleans())
def test_only_what_is_certainly_over_is_passed_by(run_id: str, expires: str | int, over: bool) -> None:
    """An instant that cannot be read, and a lease without a run, hold the target."""
    text = (NOON + timedelta(minutes=expires)).isoformat() if isinstance(expires, int) else expires
    alive = is_alive(Lease("x-1", run_id, text), {"mine"}, NOON, lambda _: over)

    past = isinstance(expires, int) and expires <= 0
    assert alive == (run_id != "mine" and not past and not (over and run_id == "theirs"))
