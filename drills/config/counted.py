"""Which part of a configuration a drill speaks for, and how two configurations differ in it. Pure.

It is told by the settings of a run, which its start record holds, signed. What is restored, where from, and by what the copy is
judged counts; how long a step may take, who acts, what things are called and where evidence goes does not. A key counts unless it
is listed here, so that a new one does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drills.durations import parse_duration
from drills.model.policy import rank
from drills.model.record import DEFAULT, Setting

COUNTED = ("profile.", "target.")
OPTIONS = ("--scenario", "--seed")
TIER = "target.tier"
# of a profile and of a target, by the key that drill.toml has
NOT_COUNTED = (
    *("profile.poll_every", "profile.port", "profile.postgres", "profile.aws_profile"),
    "profile.calls_per_second",
    *("target.drill_every", "target.only_by_name", "target.validations_are_drills"),
    *("target.tags", "target.timeout", "target.time_to_live"),
    *(
        "target.limits",
        "target.credentials",
        "target.tiers",
        "target.plan",
        "target.restore.lock",
        "target.restore.external_id",
    ),
    *("target.restore.ca_bundle", "target.restore.drill_host_cidr"),
)
# Paths, which differ from one machine to the next: their last names are compared.
PATHS = ("target.manifest", "target.manifests.public_key", "target.invariants", "target.features", "target.steps")


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that counts, as it is now and as it was in the drill; None where it was not set."""

    name: str
    now: str | None
    then: str | None

    def __str__(self) -> str:
        """The difference for a sentence."""
        now, then = ("not set" if each is None else _short(each) for each in (self.now, self.then))
        return f"{self.name} is {now}, was {then}"


def differences(now: Sequence[Setting], then: Sequence[Setting]) -> tuple[Difference, ...]:
    """Return what of the part that counts is not the same, by name.

    A key that one of the two does not have is no difference where the other has its default: versions of the project know
    different keys.
    """
    today, former = _counted(now), _counted(then)
    found = []
    for name in sorted(today.keys() | former.keys()):
        one, other = today.get(name), former.get(name)
        if name == TIER and rank(other.value if other else "") >= rank(one.value if one else ""):
            continue  # a fuller drill stands for a lighter one
        if one is None or other is None:
            alone = one or other
            if alone is not None and alone.origin != DEFAULT:
                found.append(Difference(name, one.value if one else None, other.value if other else None))
        elif not _is_same(name, one.value, other.value):
            found.append(Difference(name, one.value, other.value))
    return tuple(found)


def counts(name: str) -> bool:
    """Return whether a setting of that name is of the part that counts."""
    if not name.startswith(COUNTED):
        return name in OPTIONS
    return not any(name == each or name.startswith(f"{each}.") for each in NOT_COUNTED)


def _counted(settings: Sequence[Setting]) -> Mapping[str, Setting]:
    return {each.name: each for each in settings if counts(each.name)}


def _is_same(name: str, one: str, other: str) -> bool:
    if one == other:
        return True
    if name in PATHS:
        return _last_names(one) == _last_names(other)
    try:
        return parse_duration(one) == parse_duration(other)  # "24h" is "1d"
    except ValueError:
        return False


def _last_names(paths: str) -> list[str]:
    return [each.rstrip("/").rpartition("/")[2] for each in paths.split(", ")]


def _short(value: str) -> str:
    flat = " ".join(value.split())
    return f'"{flat}"' if len(flat) <= 60 else f'"{flat[:59]}…"'
