"""Sends a notice to everybody whom the configuration names, once a period. None of it can change a run or a check."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drills.config.load import Config, SandboxProfile
from drills.errors import ConfigError, DrillError
from drills.model.notice import Notice
from drills.notices.fold import DEFAULT, Folding, key_of

if TYPE_CHECKING:
    from drills.aws.session import Clients
    from drills.notices.services import Service, SnsTopic


@dataclass(frozen=True, slots=True)
class Delivery:
    """A service, and why the notice did not reach it; "" where it did."""

    service: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a notice: whom it reached, or why it was not sent."""

    deliveries: tuple[Delivery, ...] = ()
    not_sent: str = ""
    problem: str = ""  # of the file of what was told


def send(
    notice: Notice, config: Config, environment: Mapping[str, str], now: datetime, *, path: Path = DEFAULT
) -> Outcome:
    """Send what is wanted and no duplicate. Raises nothing: what fails is said of it, and keeps nothing from the others."""
    wanted = config.notices
    if not set(notice.kinds) & set(wanted.on):
        return Outcome(not_sent=f"[notices] on does not name {' and '.join(notice.kinds)}")
    folding = Folding(path, wanted.fold, now)
    with folding.alone() as unlocked:
        told = folding.look(notice)
        if told.duplicate:
            return Outcome(not_sent=f"the same was told of {notice.target} in {folding.period}: it was folded")
        notice = _with_folded(notice, told.folded)
        deliveries = deliver(notice, config, environment, folding.period)
        reached = any(not each.problem for each in deliveries)
        problem = folding.note(notice) if reached else ""
    return Outcome(deliveries, problem=unlocked or told.problem or problem)


def _with_folded(notice: Notice, folded: int) -> Notice:
    """Return the notice with how many were folded before it; what says that all is well stays one line."""
    more = f"not sent: {folded} more of what was told before this one"
    if not folded:
        return notice
    if notice.quiet:
        return dataclasses.replace(notice, title=f"{notice.title}; {more}")
    return dataclasses.replace(notice, lines=(*notice.lines, more))


def deliver(notice: Notice, config: Config, environment: Mapping[str, str], period: str) -> tuple[Delivery, ...]:
    """Send to every service, whatever was told before."""
    key = key_of(notice, period)
    found = []
    for opened in _opened(config, environment):
        if isinstance(opened, Delivery):
            found.append(opened)
            continue
        try:
            opened.send(notice, key)
        except DrillError as error:
            found.append(Delivery(opened.name, str(error)))
        except Exception as error:  # a fault of ours or of a library: its text may hold an address
            found.append(Delivery(opened.name, f"expected it to take the notice, found {type(error).__name__}"))
        else:
            found.append(Delivery(opened.name))
    return tuple(found)


def look_at_urls(config: Config, environment: Mapping[str, str]) -> str:
    """Return which services the addresses are of, by their kind alone; nothing is sent. Raises DrillError."""
    found = [each.name for each in _of_urls(config, environment)]
    return f"{config.notices.urls}: {', '.join(found)}"


def look_at_topic(config: Config) -> str:
    """Return that the topic is there, as SNS says; nothing is published. Raises DrillError."""
    (topic,) = _of_topic(config)
    return topic.look()


def places_of(config: Config) -> tuple[str, ...]:
    """Return who would be told, by what drill.toml says of them alone."""
    notices = config.notices
    of_urls = f"the services whose addresses are in {notices.urls}" if notices.urls else ""
    of_topic = f"SNS topic {notices.topic.rpartition(':')[2]}" if notices.topic else ""
    return tuple(filter(None, (of_urls, of_topic)))


def _opened(config: Config, environment: Mapping[str, str]) -> list[Service | Delivery]:
    """Return each service, or why it cannot be used."""
    found: list[Service | Delivery] = []
    parts: tuple[tuple[str, Callable[[], Sequence[Service]]], ...] = (
        ("urls", lambda: _of_urls(config, environment)),
        ("topic", lambda: _of_topic(config)),
    )
    for key, part in parts:
        try:
            found += part()
        except DrillError as error:
            found.append(Delivery(f"[notices] {key}", str(error)))
        except Exception as error:
            found.append(Delivery(f"[notices] {key}", f"expected to open it, found {type(error).__name__}"))
    return found


def _of_urls(config: Config, environment: Mapping[str, str]) -> list[Service]:
    if not config.notices.urls:
        return []
    from drills.notices import addresses, services  # load botocore and apprise, which a run without notices never needs

    read = addresses.read(
        config.notices.urls, environment, lambda region: _clients(config).client("secretsmanager", region)
    )
    return list(services.open_urls(read))


def _of_topic(config: Config) -> list[SnsTopic]:
    topic = config.notices.topic
    if not topic:
        return []
    from drills.notices.services import SnsTopic

    return [SnsTopic(_clients(config).client("sns", topic.split(":")[3]), topic)]


def _clients(config: Config) -> Clients:
    if isinstance(config.profile, SandboxProfile):
        raise ConfigError(
            f'expected no part of AWS, since that of profile "{config.profile_name}" ends with the run: write topic, or the '
            "secret of urls, into [profiles.NAME.notices] of the profiles that have an AWS, and not into [notices]"
        )
    from drills.aws import sides

    return sides.open_source(config, role="tells")
