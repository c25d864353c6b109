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
    from drills.cli.init.look import Found, Source, Sources
    from drills.cli.init.text import Choices

EXAMPLE = """\
examples:
  drills init --region eu-central-1                                   ask for what is not given
  drills init --instance orders --rto 1h --rpo 24h --folder drills    ask nothing
  drills init --cluster ledger --rto 1h --rpo 24h --folder drills     the same for an Aurora cluster
  eval "$(drills sandbox up --sample)" && drills init --endpoint-url "$AWS_ENDPOINT_URL" --folder my
It reads the account (the rights of infra/iam/posture.json do), writes drill.toml, a first feature and the policy of a drill, and
overwrites nothing without --force. Where its input is no terminal it asks nothing.
"""
EXIT_CODES = """\
exit codes: 0 written; 12 the account could not be read; 2 wrong usage, a file that is there, or a database that is not"""
Ask = Callable[[str], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills init`."""
    parser.add_argument(
        "--folder", metavar="DIR", default=".", help="where the files are written (default: this folder)"
    )
    parser.add_argument("--aws-profile", metavar="NAME", help="named credentials profile of the AWS configuration")
    parser.add_argument("--region", metavar="REGION", help="region of the database (default: as the AWS settings say)")
    parser.add_argument("--endpoint-url", metavar="URL", help="a sandbox or an emulator in place of AWS")
    database = parser.add_mutually_exclusive_group()
    database.add_argument("--instance", metavar="NAME", help="the instance to drill")
    database.add_argument("--cluster", metavar="NAME", help="the Aurora cluster to drill")
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
    copies = [each for each in there.all if each.copy_of]
    source = _choose(there, f"cluster {options.cluster}" if options.cluster else options.instance, ask)
    policies = {paths[2]: "drill"} | ({folder / text.OF_CLUSTERS: "aurora"} if source.kind == "cluster" else {})
    _refuse_existing([*policies], force=options.force)
    found = look.look_around(clients, source, options.vault)
    if ask:
        objectives = {name: given or _asked_duration(ask, name) for name, given in objectives.items()}
    choices = _choices(options, objectives, folder)
    subnet_group = text.subnet_group(found, choices)
    written = {
        path: text.policy((CHECKOUT / f"infra/iam/{name}.json").read_text(encoding="utf-8"), found, subnet_group)
        for path, name in policies.items()
    }
    files = dict(zip(paths, (text.config(found, choices), text.feature(found)), strict=False))
    _write(files | {path: policy for path, (policy, _) in written.items()})
    left = [
        *text.to_fill_in(found, choices),
        *(f"{path} ${{{name}}}: docs/init.md" for path, (_, unfilled) in written.items() for name in unfilled),
    ]
    if there.unread:
        found.unread["clusters"] = there.unread
    _tell(found, [*files, *written], left, copies, as_json=options.json)
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


def _sources(clients: Clients) -> Sources:
    from botocore.exceptions import BotoCoreError, ClientError

    from drills.aws.remedies import explain
    from drills.cli.init import look

    try:
        return look.sources(clients)
    except (ClientError, BotoCoreError) as error:
        raise DrillError(
            f"expected to list the instances, found: {explain(error, 'allow rds:DescribeDBInstances')}"
        ) from error


def _choose(there: Sources, wanted: str | None, ask: Ask | None) -> Source:
    """Return the source of that name, the only one, or the one that is answered. ConfigError where there is none.

    A copy is none, whatever it is called, nor is an instance of a cluster. A cluster is wanted by its label.
    """
    by_label = {each.label: each for each in there.all if not each.copy_of}
    if wanted is None and len(by_label) == 1:
        return next(iter(by_label.values()))
    if wanted is None and ask and by_label:
        answer = ask(f"Which database is to be drilled ({', '.join(by_label)})? ")
        wanted = answer if answer in by_label or f"cluster {answer}" not in by_label else f"cluster {answer}"
    if wanted is None or wanted not in by_label:
        raise ConfigError(_refused(there, wanted))
    return by_label[wanted]


def _refused(there: Sources, wanted: str | None) -> str:
    """Return the sentence for a name that is none of a source, and what there is."""
    names = ", ".join(each.label for each in there.all if not each.copy_of) or "none"
    copies = {each.label: each for each in there.all if each.copy_of}
    aside = f"; left out: {_left_out([*copies.values()])}" if copies else ""
    aside += f"; clusters could not be listed: {there.unread}" if there.unread else ""
    if wanted is None:
        return (
            "--instance or --cluster: expected the name of a PostgreSQL instance of RDS or of an Aurora PostgreSQL cluster, found "
            f"none given; there are {names}{aside}"
        )
    option, name = (
        ("--cluster", wanted.removeprefix("cluster ")) if wanted.startswith("cluster ") else ("--instance", wanted)
    )
    what = "an Aurora PostgreSQL cluster" if option == "--cluster" else "a PostgreSQL instance of RDS"
    if wanted in copies:
        return f'{option}: expected {what} that is no copy, found "{name}", made by {copies[wanted].copy_of}; there are {names}'
    if option == "--instance" and (cluster := there.members.get(name)):
        return f'{option}: expected {what}, found "{name}", an instance of the cluster "{cluster}": --cluster {cluster}'
    return f'{option}: expected {what}, found "{name}"; there are {names}{aside}'


def _left_out(copies: Sequence[Source]) -> str:
    return ", ".join(f"{each.label} (made by {each.copy_of})" for each in copies)


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
        "kind": found.source.kind,
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
    lines += [f"clusters could not be listed: {found.unread['clusters']}"] if "clusters" in found.unread else []
    there = f", each in {paths[0].parent}" if paths[0].parent != Path() else ""
    lines += [f"next: drills doctor, then drills run --dry-run{there}"]
    print("\n".join(map(printable, lines)))


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
