"""Which part of a configuration a drill speaks for."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.config.counted import NOT_COUNTED, PATHS, Difference, counts, differences
from drills.config.manifests import ManifestStore
from drills.config.profiles import PROFILES
from drills.config.target import RestoreConfig, Target
from drills.model.record import Setting

SETTINGS = st.lists(
    st.builds(
        Setting,
        st.sampled_from(["target.rto", "target.tables.a", "--seed", "history"]),
        st.text(max_size=3),
        st.just("f"),
    ),
    unique_by=lambda each: each.name,
)


def of(name: str, value: str, origin: str = "drill.toml") -> list[Setting]:
    """One setting."""
    return [Setting(name, value, origin)]


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (of("target.rto", "24h"), of("target.rto", "1d")),
        (of("target.invariants", "invariants"), of("target.invariants", "/srv/drills/invariants")),
        (of("target.features", "a/b, c"), of("target.features", "/x/b, /y/c")),
        (of("target.rto", "30m", "default"), []),
        ([], of("target.new", "1", "default")),
        (of("target.limits.restore", "1h"), of("target.limits.restore", "2h")),
        (of("target.tags.team", "a"), []),
        (of("evidence.store", "s3://a"), of("evidence.store", "s3://b")),
        (of("--resume", "RUN"), []),
    ],
)
def test_what_is_no_other_configuration(now: list[Setting], then: list[Setting]) -> None:
    """The same said otherwise, a default that the other version does not know, and what judges nothing."""
    assert differences(now, then) == differences(then, now) == ()


@pytest.mark.parametrize(
    "name",
    [
        "target.rto",
        "target.sample",
        'target.tables."shop.orders"',
        "target.restore.region",
        "profile.kind",
        "--scenario",
        "--seed",
    ],
)
def test_what_is_another_configuration(name: str) -> None:
    """Another value, and one that only one of the two has."""
    assert differences(of(name, "a"), of(name, "b")) == (Difference(name, "a", "b"),)
    assert differences(of(name, "a"), []) == (Difference(name, "a", None),)
    assert differences([], of(name, "a", "--rto")) == (Difference(name, None, "a"),)


def test_what_does_not_count_is_known_to_the_configuration() -> None:
    """A name that no table has would hide that its key counts again."""
    known = {f"target.{name}" for name in Target.known_keys()}
    known |= {f"target.restore.{name}" for name in RestoreConfig.known_keys()}
    known |= {f"target.manifests.{name}" for name in ManifestStore.known_keys()}
    known |= {f"profile.{name}" for model in PROFILES.values() for name in model.known_keys()}

    assert {*NOT_COUNTED, *PATHS} <= known
    assert not any(counts(name) for name in NOT_COUNTED)
    assert all(counts(name) for name in PATHS)


def test_a_difference_is_said_in_short() -> None:
    """A query of many lines does not fill the terminal."""
    assert str(Difference("target.rto", None, "30m")) == 'target.rto is not set, was "30m"'
    assert len(str(Difference("target.queries.a.sql", "select\n" * 99, "select 1"))) < 140


@given(SETTINGS, SETTINGS)
def test_differences_are_those_of_either_side(now: list[Setting], then: list[Setting]) -> None:
    """None with itself, and the other way round the same names."""
    assert differences(now, now) == ()
    names = [[each.name for each in found] for found in (differences(now, then), differences(then, now))]
    assert names[0] == names[1]
    assert set(names[0]) <= {each.name for each in itertools.chain(now, then)} - {"history"}
