"""`drills localstack`: the whole drill at LocalStack, from the start of the container to its end."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from drills.cli.common import EXIT_CODES, Command
from drills.errors import LEFT_BEHIND, ConfigError

EXAMPLE = """\
examples:
  LOCALSTACK_AUTH_TOKEN=… drills localstack               start it in Docker, drill it, end it
  drills localstack --endpoint-url http://localhost:4566   one that runs on this machine; what was made there is removed
  drills localstack -- -k objective                        some of the promises
It makes an instance with the sample application there, backs it up, and drills that backup. What the edition lacks is skipped
with its reason. Without Docker or the token it says what is missing: exit code 12.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the option of `drills localstack`."""
    parser.add_argument(
        "--endpoint-url", metavar="URL", help="a LocalStack, or another endpoint, that runs here already"
    )


def run(options: argparse.Namespace) -> int:
    """Drill at LocalStack; the exit code is the drill's, or 13 where what was made there could not be removed."""
    from drills.aws import endpoint_health
    from drills.cli.localstack import source
    from drills.cli.main import main
    from drills.clock import SystemClock

    clock = SystemClock()
    with _endpoint(options.endpoint_url) as url, tempfile.TemporaryDirectory(prefix="drills-localstack-") as folder:
        health = endpoint_health.check_endpoint(url, endpoint_health.ALWAYS)
        _say(_facts(url, health))
        made = source.Made(source.open_endpoint(url), f"orders-{secrets.token_hex(3)}")
        try:
            config = source.make(made, Path(folder), url, clock, has_backup=health is None or health.has("backup"))
            kept = f"in vault {made.vault}" if made.vault else f"as an RDS snapshot: {made.why_no_vault}"
            _say(f"instance {made.name} holds the sample application and is backed up {kept}")
            arguments = ["run", "--config", str(config)]
            code = main([*arguments, *(["--", *options.pytest_arguments] if options.pytest_arguments else [])])
        finally:
            left = made.remove()
            for sentence in left:
                _say(sentence)
    return code or (LEFT_BEHIND if left else 0)


@contextlib.contextmanager
def _endpoint(given: str | None) -> Iterator[str]:
    """Yield the endpoint: the given one, or a LocalStack that is started and ended here. ConfigError for one elsewhere."""
    from drills.aws.session import LOOPBACK

    if given is None:
        from drills.cli.localstack import container
        from drills.clock import SystemClock

        with container.started(os.environ, SystemClock()) as (url, _):
            yield url
        return
    if urlsplit(given).scheme not in ("http", "https") or urlsplit(given).hostname not in LOOPBACK:
        raise ConfigError(
            f"--endpoint-url: expected an endpoint on this machine, such as http://localhost:4566, found {given}: a source is "
            "made there, and nowhere else is anything made for a drill"
        )
    yield given


def _facts(url: str, health: object) -> str:
    from drills.aws.endpoint_health import Health

    if not isinstance(health, Health):
        return f"{url} has no health page: what it lacks shows when it is asked"
    used = ("rds", "backup", "ec2", "sts", "kms", "secretsmanager", "logs", "ecs", "elbv2")
    has, lacks = ([name for name in used if health.has(name) is there] for there in (True, False))
    said = f'{url}: edition "{health.edition}", version {health.version}, has {", ".join(has)}'
    return f"{said}; no {', no '.join(lacks)}" if lacks else said


def _say(line: str) -> None:
    print(line, flush=True)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES, paths=())
