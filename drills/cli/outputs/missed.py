"""Tells of drills that do not go on, as `drills ledger check` and `drills gate` find it. It changes no exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drills.clock import SystemClock
from drills.config.load import Config, load
from drills.errors import ConfigError, DrillError
from drills.evidence import ledger
from drills.evidence.chain import Chain
from drills.printable import printable


@dataclass(frozen=True, slots=True)
class Missed:
    """A sentence about a target's drills, and the exit code that it gives. An empty name: no target in particular."""

    profile: str
    target: str
    code: int
    sentence: str


def tell(found: Iterable[Missed], file: Path | None) -> None:
    """Send one notice for each target; say on stderr which service it did not reach, since facts go to stdout.

    A profile or a target that the configuration `file` does not have any more is passed over.
    """
    by_target: dict[tuple[str, str], list[Missed]] = {}
    for each in found:
        by_target.setdefault((each.profile, each.target), []).append(each)
    for (profile, target), own in by_target.items():
        if not (config := _config(file, profile, target)):
            continue
        for line in _tell(profile or config.profile_name, target, own, config) if config.notices.wanted else ():
            print(printable(f"drills: {line}"), file=sys.stderr)


def put_ages(chains: Iterable[Chain], file: Path | None) -> None:
    """Put the age of the last success of each chain into CloudWatch, where that is configured; say on stderr what fails."""
    for chain in chains:
        last, end = chain.starts[-1].record, ledger.last_success(chain, SystemClock().now())
        config = _config(file, last.profile, last.target)
        if end and config and config.metrics.cloudwatch:
            try:
                _put_age(config, end)
            except DrillError as error:
                print(printable(f"drills: metrics: CloudWatch: {error}"), file=sys.stderr)


def _config(file: Path | None, profile: str, target: str) -> Config | None:
    try:
        return load(file, profile=profile or None, target=target or None, environment=os.environ)
    except ConfigError:
        return None


def _put_age(config: Config, end: datetime) -> None:
    from drills.metrics import cloudwatch
    from drills.metrics.write import cloudwatch_of

    now, name = SystemClock().now(), config.metrics.cloudwatch_name(config.target_name)
    age = (now - end).total_seconds()
    cloudwatch.put_age(cloudwatch_of(config), name, config.simulated, age, now)


def _tell(profile: str, target: str, own: list[Missed], config: Config) -> Iterator[str]:
    from drills.notices import compose
    from drills.notices.send import send

    sentences, codes = [each.sentence for each in own], [each.code for each in own]
    notice = compose.of_missed(profile, target or "any target", config.simulated, sentences, codes)
    outcome = send(notice, config, os.environ, SystemClock().now())
    for each in outcome.deliveries:
        if each.problem:
            yield f"notices: {each.service}: {each.problem}"
    if outcome.problem:
        yield f"notices: {outcome.problem}"
