"""`drills init`: asks or takes options, and writes what a first drill needs; nothing is changed in the account."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drills.cli.common import CHECKOUT, Command
from drills.errors import ConfigError, DrillError

if TYPE_CHECKING:
    from drills.aws.session import Clients
    from drills.cli.init.look import Found, Source
    from drills.cli.init.text import Choices

EXAMPLE = """\
examples:
  drills init --region eu-central-1                                   ask for what is not given
  drills init --instance orders --rto 1h --rpo 24h --folder drills    ask nothing
  eval "$(drills sandbox up --sample)" && drills init --endpoint-url "$AWS_ENDPOINT_URL" --folder my
It reads the account (the rights of infra/iam/posture.json do), writes drill.toml, a first feature and the policy of a drill, and
overwrites nothing without --force. Where its input is no terminal it asks nothing.
"""
EXIT_CODES = """\
exit codes: 0 written; 12 the account could not be read; 2 wrong usage, a file that is there, or an instance that is not"""
Ask = Callable[[str], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills init`."""
    parser.add_argument(
        "--folder", metavar="DIR", default=".", help="where the files are written (default: this folder)"
    )
    parser.add_argument("--aws-profile", metavar="NAME", help="named credentials profile of the AWS configuration")
    parser.add_argument("--region", metavar="REGION", help="region of the instance (default: as the AWS settings say)")
    parser.add_argument("--endpoint-url", metavar="URL", help="a sandbox or an emulator in place of AWS")
    parser.add_argument("--instance", metavar="NAME", help="the instance to drill")
    parser.add_argument("--rto", metavar="DURATION", help='recovery time objective, such as "1h"')
    parser.add_argument("--rpo", metavar="DURATION", help='recovery point objective, such as "24h"')
    parser.add_argument(
        "--vault", metavar="NAME", help="vault of its recovery points (default: that of its backup plan)"
    )
    parser.add_argument("--subnet-group", metavar="NAME", help="DB subnet group for copies, made for drills alone")
    parser.add_argument("--security-group", metavar="ID", help="security group for copies, without egress")
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")
    parser.add_argument("--json", action="store_true", help="print facts as JSON")


def run(options: argparse.Namespace) -> int:
    """Look, ask, write. Raises ConfigError before anything is read where a file is there already."""
    from drills.cli.init import look, text

    folder = Path(options.folder)
    paths = [folder / name for name in (text.CONFIG, text.FEATURE, text.POLICY)]
    _refuse_existing(paths, force=options.force)
    objectives = {name: _duration(f"--{name}", getattr(options, name)) for name in ("rto", "rpo")}
    ask = _ask if sys.stdin.isatty() and not options.json else None
    clients = _clients(options)
    there = _sources(clients)
    copies = [each for each in there if each.copy_of]
    source = _choose(there, options.instance, ask)
    found = look.look_around(clients, source, options.vault)
    if ask:
        objectives = {name: given or _asked_duration(ask, name) for name, given in objectives.items()}
    choices = _choices(options, objectives, folder)
    template = (CHECKOUT / "infra/iam/drill.json").read_text(encoding="utf-8")
    policy, unfilled = text.policy(template, found, text.subnet_group(found, choices))
    _write(dict(zip(paths, (text.config(found, choices), text.feature(found), policy), strict=True)))
    left = [
        *text.to_fill_in(found, choices),
        *(f"{paths[2]} ${{{name}}}: docs/init.md" for name in unfilled),
    ]
    _tell(found, paths, left, copies, as_json=options.json)
    return 0


def _clients(options: argparse.Namespace) -> Clients:
    """Return clients that read, with the account that they act in."""
    from drills.aws.endpoint_health import ALWAYS, check_endpoint
    from drills.aws.session import identify, open_clients
    from drills.config.load import AwsProfile, EndpointProfile

    try:
        profile: AwsProfile | EndpointProfile
        if options.endpoint_url:
            region = {"region": options.region} if options.region else {}
            profile = EndpointProfile(endpoint_url=options.endpoint_url, **region)
        else:
            profile = AwsProfile(regions=(_region(options),), aws_profile=options.aws_profile)
    except ValueError as error:
        raise ConfigError(f"--endpoint-url, --region or --aws-profile: {_first_line(error)}") from None
    if options.endpoint_url:
        check_endpoint(options.endpoint_url, ALWAYS)
    return identify(open_clients(profile, environment=os.environ))


def _first_line(error: ValueError) -> str:
    lines = str(error).splitlines()
    return (lines[2] if len(lines) > 2 else lines[0]).strip().partition(" [type=")[0]


def _region(options: argparse.Namespace) -> str:
    import botocore.session

    if options.region:
        return str(options.region)
    session = botocore.session.Session(profile=options.aws_profile)
    try:
        found = session.get_config_variable("region")
    except Exception:  # of botocore, for a profile that is not there: which the clients say in one sentence
        found = None
    if not found:
        raise ConfigError(
            "expected the region of the instance, found none in the AWS settings: give --region, or AWS_REGION"
        )
    return str(found)


def _sources(clients: Clients) -> tuple[Source, ...]:
    from botocore.exceptions import BotoCoreError, ClientError

    from drills.aws.remedies import explain
    from drills.cli.init import look

    try:
        return look.sources(clients)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(
            f"expected to list the instances, found: {explain(error, 'allow rds:DescribeDBInstances')}"
        ) from error


def _choose(there: Sequence[Source], wanted: str | None, ask: Ask | None) -> Source:
    """Return the source of that name, the only one, or the one that is answered. ConfigError where there is none.

    A copy is none, whatever it is called.
    """
    copies = {each.instance.id: each for each in there if each.copy_of}
    by_name = {each.instance.id: each for each in there if not each.copy_of}
    names = ", ".join(by_name) or "none"
    if wanted is None and len(by_name) == 1:
        return next(iter(by_name.values()))
    if wanted is None and ask and by_name:
        wanted = ask(f"Which instance is to be drilled ({names})? ")
    aside = f"; left out: {_left_out(list(copies.values()))}" if copies else ""
    if wanted is None:
        raise ConfigError(
            f"--instance: expected the name of a PostgreSQL instance of RDS, found none given; there are {names}{aside}"
        )
    if wanted in copies:
        raise ConfigError(
            f'--instance: expected an instance that is no copy, found "{wanted}", made by {copies[wanted].copy_of}; there are '
            f"{names}"
        )
    if wanted not in by_name:
        raise ConfigError(
            f'--instance: expected a PostgreSQL instance of RDS that is no member of a cluster, found "{wanted}"; there are '
            f"{names}{aside}"
        )
    return by_name[wanted]


def _left_out(copies: Sequence[Source]) -> str:
    return ", ".join(f"{each.instance.id} (made by {each.copy_of})" for each in copies)


def _choices(options: argparse.Namespace, objectives: dict[str, str | None], folder: Path) -> Choices:
    from drills.cli.init.text import Choices
    from drills.clock import SystemClock
    from drills.config.schema import SCHEMA_FILE

    return Choices(
        objectives["rto"],
        objectives["rpo"],
        options.vault,
        options.subnet_group,
        options.security_group,
        options.endpoint_url,
        options.aws_profile,
        _path_to(SCHEMA_FILE, folder.resolve()),
        f"{SystemClock().now():%Y-%m-%d}",
    )


def _path_to(schema: Path, folder: Path) -> str:
    """Return the path of the schema as the file names it: relative within the checkout, absolute elsewhere."""
    return os.path.relpath(schema, folder) if folder.is_relative_to(CHECKOUT) else str(schema)


def _duration(option: str, given: str | None) -> str | None:
    from drills.durations import ALLOWED, parse_duration

    if given is None:
        return None
    try:
        if parse_duration(given).total_seconds() > 0:
            return given
    except ValueError:
        pass
    raise ConfigError(f'{option}: expected a duration ({ALLOWED}), found "{given}"')


def _asked_duration(ask: Ask, name: str) -> str | None:
    """Ask for an objective until the answer is a duration; None for an empty one, which leaves it to be filled in."""
    what = {"rto": "How long may the database be down", "rpo": "How old may the data be that are lost"}[name]
    while answer := ask(f'{what}, such as "1h" (empty: fill in later)? '):
        try:
            return _duration(name, answer)
        except ConfigError as error:
            print(error, file=sys.stderr)
    return None


def _ask(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _refuse_existing(paths: Sequence[Path], *, force: bool) -> None:
    there = [str(path) for path in paths if path.exists() or path.is_symlink()]
    if there and not force:
        raise ConfigError(
            f"expected to write new files, found {', '.join(there)}: name another --folder, or overwrite with --force"
        )


def _write(files: dict[Path, str]) -> None:
    from drills.files import write_atomically

    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
    except OSError as error:
        raise ConfigError(f"expected to write {path}, found: {error.strerror}: name another --folder") from error


def _tell(found: Found, paths: Sequence[Path], left: Sequence[str], copies: Sequence[Source], *, as_json: bool) -> None:
    from drills.printable import printable, to_json

    facts = {
        "account": found.account,
        "region": found.region,
        "instance": found.source.instance.id,
        "plans": found.plans,
        "vaults": found.vaults,
        "recovery_points": len(found.points),
        "left_out": [each.instance.id for each in copies],
        "unread": found.unread,
        "files": [str(path) for path in paths],
        "fill_in": list(left),
    }
    if as_json:
        print(to_json(facts))
        return
    lines = [f"wrote {path}" for path in paths]
    lines += [f"fill in {each}" for each in left]
    lines += [f"left out {_left_out(copies)}"] if copies else []
    there = f", each in {paths[0].parent}" if paths[0].parent != Path() else ""
    lines += [f"next: drills doctor, then drills run --dry-run{there}"]
    print("\n".join(map(printable, lines)))


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
