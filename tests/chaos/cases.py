"""What strikes a drill, and when: every fault of the local AWS and every signal to every process, phase by phase."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

BEFORE = "before the run"
# each phase of a drill on a standing AWS that lasts long enough to be met by somebody who looks at the record
PHASES = (
    "check the guards",
    "choose the recovery point",
    "request the restore",
    "restore",
    "set the password",
    "connect",
    "run the blocking checks",
    "compare the content",
    "clean up",
)
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
SIGNALS = ("INT", "TERM", "QUIT", "KILL")
# who gets a signal: the process that the user started, the supervisor, and the step that runs
PROCESSES = ("user", "supervisor", "step")
RANDOM_MOST = 4  # blows of a random sequence
SEQUENCES = 200  # of a whole pass


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


def every_fault() -> Iterator[Case]:
    """Each fault, armed before the run and as each phase begins; and those that last."""
    for phase in (BEFORE, *PHASES):
        for name, where in FAULTS.items():
            yield Case(f"{name} @ {phase}", (Blow(phase, name, where),))
        for name in LASTING:
            yield Case(f"{name} for good @ {phase}", (Blow(phase, name, {"times": None}),))


def every_signal() -> Iterator[Case]:
    """Each signal to each process in each phase; and KILL to the user's process and the supervisor at once."""
    for phase in PHASES:
        for process in PROCESSES:
            for name in SIGNALS:
                yield Case(f"{name} to {process} @ {phase}", (Blow(phase, signal=name, process=process),))
        both = tuple(Blow(phase, signal="KILL", process=process) for process in ("supervisor", "user"))
        yield Case(f"KILL to user and supervisor @ {phase}", both)


def random_sequences(number: int, seed: int) -> Iterator[Case]:
    """Sequences of one to four blows; the same for the same seed."""
    chosen = random.Random(seed)
    for index in range(number):
        blows = [_random_blow(chosen) for _ in range(chosen.randint(1, RANDOM_MOST))]
        order = (BEFORE, *PHASES)
        yield Case(f"random {seed}.{index}", tuple(sorted(blows, key=lambda blow: order.index(blow.phase))))


def _random_blow(chosen: random.Random) -> Blow:
    if chosen.random() < 0.2:
        return Blow(chosen.choice(PHASES), signal=chosen.choice(SIGNALS), process=chosen.choice(PROCESSES))
    name = chosen.choice(tuple(FAULTS))
    where = dict(FAULTS[name])
    if where.get("times", 1) is not None:
        where["times"] = chosen.randint(1, 6)
    return Blow(chosen.choice((BEFORE, *PHASES)), name, where)


# the cases that `tox -e tests` tries, one of each kind of fault and signal that only a whole drill can show
USUAL = (
    "access-denied for good @ clean up",
    "KILL to step @ run the blocking checks",
    "QUIT to user @ restore",
    "KILL to user and supervisor @ compare the content",
)
# and those of `tox -e matrix`, of which smaller tests hold the rule as well (tests/aws/test_lost_answers.py)
FURTHER = ("lost-answer @ request the restore",)
