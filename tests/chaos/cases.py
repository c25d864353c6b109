"""What strikes a drill, and when: every fault of the local AWS and every signal to every process, phase by phase."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

BEFORE = "before the run"
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "throttling": {"times": 3},
    "not-found-after-create": {"times": 3},
    "access-denied": {},
    "quota-exceeded": {},
    "no-response": {},
    "lost-answer": {},
    "server-error": {"times": 2},
    "clock-skew": {"seconds": 1200.0, "times": None},
    "stuck-creating": {},
    "flapping": {"seconds": 2.0},
    "incompatible-restore": {},
    "incompatible-network": {},
    "storage-full": {},
    "connection-refused": {"seconds": 3.0},
    "slow-reads": {"seconds": 2.0, "times": 3},
    "late-name": {"seconds": 3.0},
    "job-fails": {},
}
# faults that strike whatever is called next until the run has ended: nothing can be asked of AWS any more
LASTING = ("throttling", "access-denied", "server-error")
# faults by which a request is carried out, and nobody hears of it however often it is repeated
UNANSWERED = ("no-response", "lost-answer", "server-error")
SIGNALS = ("INT", "TERM", "QUIT", "KILL")
# who gets a signal: the process that the user started, the supervisor, and the step that runs
PROCESSES = ("user", "supervisor", "step")
RANDOM_MOST = 4  # blows of a random sequence


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass over the drills of one kind of target tries. `title` is what the page calls the target."""

    kind: str
    title: str
    phases: tuple[str, ...]  # each that lasts long enough to be met by somebody who looks at the record
    faults: tuple[str, ...]
    sequences: int  # of a whole pass
    requests: tuple[str, ...] = ()  # operations that make something, whose answers never come

    @property
    def cells(self) -> int:
        """How many cases there are beside the sequences."""
        signals = len(SIGNALS) * len(PROCESSES) + 1
        armed = (len(self.faults) + len(LASTING)) * (1 + len(self.phases))
        return armed + signals * len(self.phases) + len(UNANSWERED) * len(self.requests)


_BEGIN = ("check the guards", "choose the recovery point", "request the restore", "restore")
_END = ("run the blocking checks", "compare the content", "clean up")
_OF_INSTANCES = ("incompatible-restore", "incompatible-network", "storage-full", "late-name")
_OF_DATABASES = (*_OF_INSTANCES, "stuck-creating", "flapping", "connection-refused", "slow-reads")
INSTANCE = Plan(
    "instance", "an RDS instance", (*_BEGIN, "set the password", "connect", *_END), tuple(FAULTS), sequences=200
)
CLUSTER = Plan(
    "cluster",
    "an Aurora cluster",
    (*_BEGIN, "create the instance of the cluster", "set the password", "connect", *_END),
    tuple(each for each in FAULTS if each not in ("job-fails", "late-name")),
    sequences=20,
    requests=("RestoreDBClusterFromSnapshot", "CreateDBInstance"),
)
TABLE = Plan(
    "table",
    "a DynamoDB table",
    (*_BEGIN, *_END),
    tuple(each for each in FAULTS if each not in _OF_DATABASES or each == "stuck-creating"),
    sequences=20,
    requests=("StartRestoreJob",),
)
VOLUME = Plan(
    "volume",
    "an EBS volume",
    (*_BEGIN, *_END),
    tuple(each for each in FAULTS if each not in _OF_DATABASES),
    sequences=20,
    requests=("StartRestoreJob",),
)
FILE_SYSTEM = replace(VOLUME, kind="file_system", title="an EFS file system")
BUCKET = replace(VOLUME, kind="bucket", title="an S3 bucket", requests=("CreateBucket", "StartRestoreJob"))


@dataclass(frozen=True, slots=True)
class Blow:
    """One fault that is armed, or one signal that is sent, when the run enters a phase."""

    phase: str
    fault: str = ""
    where: Mapping[str, Any] = field(default_factory=dict)
    signal: str = ""
    process: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A run and what strikes it, in the order of its phases."""

    id: str
    blows: tuple[Blow, ...]


def every_case(plan: Plan, sequences: int, seed: int) -> list[Case]:
    """Each request without an answer, signal and fault, and so many random sequences, in the order in which they are tried.

    What the others differ from least comes last, where a pass is ended early: INT and QUIT, which are heeded as TERM is.
    """
    signals = list(every_signal(plan))
    late = [each for each in signals if each.id.startswith(("INT", "QUIT"))]
    first = [each for each in signals if each not in late]
    return [*unanswered(plan), *first, *every_fault(plan), *random_sequences(plan, sequences, seed), *late]


def unanswered(plan: Plan) -> Iterator[Case]:
    """Each request that makes something, carried out and never answered."""
    for operation in plan.requests:
        for name in UNANSWERED:
            where = {"operation": operation, "times": None}
            yield Case(f"{name} @ {operation}", (Blow(BEFORE, name, where),))


def every_fault(plan: Plan) -> Iterator[Case]:
    """Each fault, armed before the run and as each phase begins; and those that last."""
    for phase in (BEFORE, *plan.phases):
        for name in plan.faults:
            yield Case(f"{name} @ {phase}", (Blow(phase, name, FAULTS[name]),))
        for name in LASTING:
            yield Case(f"{name} for good @ {phase}", (Blow(phase, name, {"times": None}),))


def every_signal(plan: Plan) -> Iterator[Case]:
    """Each signal to each process in each phase; and KILL to the user's process and the supervisor at once."""
    for phase in plan.phases:
        for process in PROCESSES:
            for name in SIGNALS:
                yield Case(f"{name} to {process} @ {phase}", (Blow(phase, signal=name, process=process),))
        both = tuple(Blow(phase, signal="KILL", process=process) for process in ("supervisor", "user"))
        yield Case(f"KILL to user and supervisor @ {phase}", both)


def random_sequences(plan: Plan, number: int, seed: int) -> Iterator[Case]:
    """Sequences of one to four blows; the same for the same seed."""
    chosen = random.Random(seed)
    for index in range(number):
        blows = [_random_blow(plan, chosen) for _ in range(chosen.randint(1, RANDOM_MOST))]
        order = (BEFORE, *plan.phases)
        yield Case(f"random {seed}.{index}", tuple(sorted(blows, key=lambda blow: order.index(blow.phase))))


def _random_blow(plan: Plan, chosen: random.Random) -> Blow:
    if chosen.random() < 0.2:
        return Blow(chosen.choice(plan.phases), signal=chosen.choice(SIGNALS), process=chosen.choice(PROCESSES))
    name = chosen.choice(plan.faults)
    where = dict(FAULTS[name])
    if where.get("times", 1) is not None:
        where["times"] = chosen.randint(1, 6)
    return Blow(chosen.choice((BEFORE, *plan.phases)), name, where)


# the cases of an instance that `tox -e tests` tries, one of each kind of fault and signal that only a whole drill can show
USUAL = (
    "access-denied for good @ clean up",
    "KILL to step @ run the blocking checks",
    "QUIT to user @ restore",
    "KILL to user and supervisor @ compare the content",
)
# and those of `tox -e matrix`, of which smaller tests hold the rule as well (tests/aws/test_lost_answers.py)
FURTHER = ("lost-answer @ request the restore",)
