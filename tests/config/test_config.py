"""drill.toml: what it gives, what goes before it, and the one sentence for each mistake."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from drills.config import load as config
from drills.config.acknowledged import KnownDifference
from drills.config.evidence import EvidenceConfig
from drills.config.file import validate_table
from drills.config.limits import LimitsTable
from drills.config.load import Config, SandboxProfile, TablePolicy, load, parse_table_policy
from drills.config.objectives import NamedQuery
from drills.config.plan import PlanConfig
from drills.config.profiles import PROFILES, AwsProfile, EndpointProfile
from drills.config.table import Table
from drills.config.target import DrillTable, Freshness, Target
from drills.config.values import AWS_DOMAINS
from drills.errors import ConfigError
from drills.model.policy import BLOCKING
from drills.model.timing import Objectives
from drills.run.context import RunOptions
from drills.sandbox.base.delays import Delays
from tests.support.paths import CHECKOUT

ACCOUNT = "000000000000"
TOMORROW = datetime.now(UTC).date() + timedelta(days=1)
KNOWN = """\
[[targets.a.acknowledged]]
check = "{}"
object = "table shop.orders"
found = "owner old"
reason = "until the release"
author = "Ada"
until = {}
"""


def read(folder: Path, text: str, **given: Any) -> Config:
    """Write a drill.toml and load it."""
    file = folder / "drill.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, **{"profile": None, "target": None, "environment": {}} | given)


def refusal(folder: Path, text: str, **given: Any) -> str:
    """The sentence that refuses the file, without the folder's name."""
    with pytest.raises(ConfigError) as caught:
        read(folder, text, **given)
    assert caught.value.exit_code == 2
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence.replace(f"{folder}/", "")


def origins(effective: Config) -> dict[str, tuple[str, str]]:
    """Value and origin of each setting by its name."""
    return {setting.name: (setting.value, Path(setting.origin).name) for setting in effective.settings}


# -- what holds -------------------------------------------------------------------------------------------------------


def test_without_a_file_the_built_in_sandbox_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs a drill.toml to drill the built-in database in the sandbox."""
    monkeypatch.chdir(tmp_path)
    effective = load(None, profile=None, target=None, environment={})
    assert (effective.file, effective.profile_name, effective.target_name) == (None, "sandbox", "myappdbprod")
    assert effective.target.objectives() == Objectives(1800.0, 86400.0, "declaration")
    assert {setting.origin for setting in effective.settings} == {"default"}


def test_the_file_of_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --config the drill.toml of the working directory counts, and is called by that name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drill.toml").write_text('[targets.orders]\nrto = "5m"\n', encoding="utf-8")
    effective = load(None, profile=None, target=None, environment={})
    assert (effective.target_name, effective.target.instance) == ("orders", "orders")
    assert ("target.rto", "5m", "drill.toml") in [dataclasses.astuple(setting) for setting in effective.settings]


def test_the_shipped_file_says_what_is_built_in(tmp_path: Path) -> None:
    """Deleting the shipped drill.toml changes where settings come from, and leaves out what belongs to the sample."""
    shipped = load(CHECKOUT / "drill.toml", profile=None, target=None, environment={})
    built_in = read(tmp_path, "")
    assert all(query.sample for query in shipped.target.queries)
    assert shipped.target.invariants == str(CHECKOUT / "invariants")
    target = shipped.target.model_copy(update={"queries": (), "invariants": None})
    assert (shipped.profile, target) == (built_in.profile, built_in.target)
    assert shipped.simulated


@pytest.mark.parametrize(
    ("option", "variable", "file", "want"),
    [
        ("one", "two", "three", ("one", "--profile")),
        (None, "two", "three", ("two", "DRILL_PROFILE")),
        (None, None, "three", ("three", "drill.toml")),
        (None, None, None, ("sandbox", "default")),
    ],
)
def test_the_nearest_wish_wins(
    tmp_path: Path, option: str | None, variable: str | None, file: str | None, want: tuple[str, str]
) -> None:
    """The option goes before DRILL_PROFILE, that before the file, that before the default."""
    text = "".join(f'[profiles.{name}]\nkind = "sandbox"\n' for name in ("one", "two", "three"))
    text = (f'[drill]\nprofile = "{file}"\n' if file else "") + text
    environment = {} if variable is None else {"DRILL_PROFILE": variable}
    effective = read(tmp_path, text, profile=option, environment=environment)
    assert origins(effective)["profile"] == want
    assert effective.profile_name == want[0]


def test_an_empty_variable_is_no_choice_of_the_default(tmp_path: Path) -> None:
    """A script whose variable is not set would drill the sandbox where it meant AWS."""
    sentence = refusal(tmp_path, "[targets.orders]\n", environment={"DRILL_PROFILE": " "})

    assert sentence.startswith("DRILL_PROFILE: expected the name of a profile, found an empty value: unset it")


def text_fields(model: type[Table]) -> Iterator[tuple[type[Table], str, Any]]:
    """Each field of the tables of drill.toml that takes a text, with what validates it."""
    for name, field in model.model_fields.items():
        inner = [each for each in (field.annotation, *get_args(field.annotation)) if isinstance(each, type)]
        yield from (found for each in inner if issubclass(each, Table) for found in text_fields(each))
        kind: Any = Annotated[(field.annotation, *(field.metadata or [None]))]
        yield model, name, TypeAdapter(kind)


TEXTS = [
    found
    for model in (SandboxProfile, EndpointProfile, AwsProfile, Target, DrillTable)
    for found in text_fields(model)
    if found[1] != "found"  # of a known difference: what a finding has found can be an empty text
]


@pytest.mark.parametrize("adapter", [each[2] for each in TEXTS], ids=[f"{m.__name__}.{name}" for m, name, _ in TEXTS])
@pytest.mark.parametrize("empty", ["", "  "])
def test_no_key_of_the_file_takes_an_empty_text(adapter: TypeAdapter[Any], empty: str) -> None:
    """An empty text is refused, alone and in a list: a template that filled nothing in is no choice of the default."""
    for value in (empty, [empty]):
        with pytest.raises(ValidationError):
            adapter.validate_python(value, context={"base": Path()})


def test_every_option_overrides_its_setting_and_is_named_as_its_origin(tmp_path: Path) -> None:
    """An option of the command line goes before the file, and the settings say so."""
    effective = read(
        tmp_path, '[targets.a]\nrto = "30m"', overrides={"--rto": "10m", "--rpo": "1h", "--postgres": "system"}
    )
    found = origins(effective)
    assert (found["target.rto"], found["target.rpo"]) == (("10m", "--rto"), ("1h", "--rpo"))
    assert found["profile.postgres"] == ("system", "--postgres")
    assert effective.target.rto == timedelta(minutes=10)
    assert isinstance(effective.profile, SandboxProfile)
    assert effective.profile.postgres == "system"


def test_an_endpoint_given_as_an_option_is_checked_like_one_of_the_file(tmp_path: Path) -> None:
    """An override is validated, and its sentence names the option and not the file."""
    with pytest.raises(ConfigError, match=r"^--endpoint-url: expected a URL such as"):
        read(tmp_path, "", profile="endpoint", overrides={"--endpoint-url": "localhost"})


def test_an_option_of_another_kind_of_profile_is_refused(tmp_path: Path) -> None:
    """--postgres chooses the sandbox's PostgreSQL; elsewhere it would be ignored, so it is refused."""
    sentence = refusal(tmp_path, "", profile="endpoint", overrides={"--postgres": "system"})
    assert sentence == '--postgres: expected a profile of kind "sandbox", found profile "endpoint" of kind "endpoint"'


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    """A path in the file means the same wherever the command is called from."""
    effective = read(tmp_path, '[targets.a]\nmanifest = "m.json"\nrestore = { ca_bundle = "/etc/ca.pem" }')
    assert effective.target.manifest == str(tmp_path / "m.json")
    assert effective.target.restore.ca_bundle == "/etc/ca.pem"


def test_a_scenario_s_own_objectives_go_before_the_target_s(tmp_path: Path) -> None:
    """What a scenario leaves out, it takes from the target."""
    text = """
    [targets.a]
    rto = "30m"
    rpo = "24h"
    [[targets.a.scenario]]
    name = "account or region loss"
    rto = "8h"
    points = ["copy"]
    """
    target = read(tmp_path, text).target
    assert target.objectives("account or region loss") == Objectives(28800.0, 86400.0)
    assert target.objectives("instance loss") == Objectives(1800.0, 86400.0)
    scenario = target.scenario("account or region loss")
    assert scenario is not None
    assert scenario.points == ("copy",)


def test_an_objective_that_nobody_promised_is_none(tmp_path: Path) -> None:
    """A target without objectives is measured and not judged."""
    assert read(tmp_path, "[targets.a]").target.objectives() == Objectives(None, None)


def test_nothing_of_a_configuration_can_be_changed(tmp_path: Path) -> None:
    """A run goes by the configuration that it began with."""
    effective = read(tmp_path, '[targets.a]\ntags = { team = "orders" }')
    with pytest.raises(ValidationError):
        effective.target.rto = timedelta(1)
    with pytest.raises(TypeError):
        effective.target.tags["team"] = "others"  # type: ignore[index]


def test_all_sources_of_the_file_are_known(tmp_path: Path) -> None:
    """The guards protect every source that the file names, not the chosen one alone."""
    effective = read(tmp_path, '[targets.a]\n[targets.b]\ninstance = "Billing-1"', target="a")
    assert effective.instances == ("a", "billing-1")


def test_what_the_sandbox_can_slow_down_is_what_the_file_allows() -> None:
    """Each key of `delays` is one that the sandbox knows, and each of the sandbox's is allowed."""
    assert {each.name.replace("_", "-") for each in dataclasses.fields(Delays)} == set(config.SANDBOX_STATUSES)


def test_an_external_id_is_not_in_the_settings(tmp_path: Path) -> None:
    """The settings stand in every report; the external id of a role does not."""
    role = f"arn:aws:iam::{ACCOUNT}:role/drill"
    effective = read(tmp_path, f'[targets.a.restore]\nrole_arn = "{role}"\nexternal_id = "e-1"')
    assert origins(effective)["target.restore.external_id"][0] == "(set)"


# -- what is refused --------------------------------------------------------------------------------------------------

CUTOVER = '[targets.a.cutover]\nservices = ["a/b"]\npublic_url = "https://x.test"\n'
REFUSED = [
    ('[targets.a]\nrt0 = "30m"', 'drill.toml: targets.a.rt0: unknown key; did you mean "rto"?'),
    (
        "[targets.a]\nzzz = 1",
        "targets.a.zzz: unknown key; allowed here: table, volume, file_system, bucket, instance, cluster, engine, vault,",
    ),
    ('[targets.a]\nrt0 = "30m"\nvault = 3', "targets.a.rt0: unknown key"),
    (
        '[targets.a.restore]\nsubnetgroup = "x"',
        'targets.a.restore.subnetgroup: unknown key; did you mean "subnet_group"?',
    ),
    ("[profils.a]", 'drill.toml: profils: unknown key; did you mean "profiles"?'),
    ("[target.a]", 'drill.toml: target: unknown key; did you mean "targets"?'),
    ("[drill]\ncolour = 1", "drill.colour: unknown key; allowed here: profile, target"),
    ('[targets.a]\nrto = "30 parsecs"', "targets.a.rto: expected a duration, a number with a unit: ms, s,"),
    ("[targets.a]\nrto = 30", "targets.a.rto: expected a duration in quotes"),
    ('[targets.a]\nrto = "0m"', 'targets.a.rto: expected a duration longer than zero, found "0m"'),
    ('[targets.a]\nrpo = "0.0s"', 'targets.a.rpo: expected a duration longer than zero, found "0.0s"'),
    ('[targets.a]\nrto = "-5m"', "targets.a.rto: expected a duration"),
    ('[targets.a]\nrto = "99999999999w"', "targets.a.rto: expected a duration"),
    ('[targets.a]\nvault = " "', "targets.a.vault: expected text that is not empty"),
    ('[targets.a]\ninstance = ""', "targets.a.instance: expected an RDS instance identifier"),
    ('[targets.""]', 'targets."": expected a name that is not empty'),
    ('[targets."a b"]', 'targets."a b".instance: expected an RDS instance identifier'),
    (
        '[targets.a]\nengine = "aurora-mysql"',
        'expected "postgres" or "aurora-postgresql", the only engine of Aurora that is',
    ),
    (
        '[targets.a]\nengine = "aurora-postgresql"',
        'engine = "aurora-postgresql" of a cluster and "postgres" of an instance',
    ),
    (
        '[targets.a]\ncluster = "a"\nengine = "postgres"',
        'engine = "aurora-postgresql" of a cluster and "postgres" of an instance',
    ),
    ('[targets.a]\ncluster = "a"\ninstance = "b"', "expected instance or cluster, found both"),
    ('[targets.a]\nengine = "aurora-dsql"', "Aurora DSQL is not supported"),
    ('[targets.a]\nengine = "dsql"', "Aurora DSQL is not supported"),
    (f'[targets.a]\ninstance = "arn:aws:dsql:eu-central-1:{ACCOUNT}:cluster/x"', "Aurora DSQL is not supported"),
    ('[targets.a]\ninstance = "abc.dsql.eu-central-1.on.aws"', "Aurora DSQL is not supported"),
    (
        '[targets.a]\nbucket = "Orders"',
        "expected the name of an S3 bucket: 3 to 63 lower-case letters, digits, - and .",
    ),
    ('[targets.a]\nbucket = "orders"\nvault = "v1"\nmanifest = "a"', "expected only what a bucket has"),
    ('[targets.a]\nbucket = "orders"\nvault = "v1"\nobjects = { prefix = "2026" }', "expected a folder of the bucket"),
    ('[targets.a]\ninstance = "orders"\nobjects = { most = 1 }', "expected no objects of a database"),
    (
        '[targets.a]\ngateway_volume = "vol-1"',
        "of a Storage Gateway volume there are no drills: see docs/other-kinds.md",
    ),
    *(
        (f'[targets.a]\ninstance = "{given}"', f'{kind} is named by another key: {key} = "{name}", found "{given[:40]}')
        for given, kind, key, name in (
            ("vol-0123456789abcdef0", "an EBS volume", "volume", "vol-0123456789abcdef0"),
            ("arn:aws:s3:::orders", "an S3 bucket", "bucket", "orders"),
            ("vol-01234567", "an EBS volume", "volume", "vol-01234567"),
            ("fs-0123456789abcdef0", "an EFS file system", "file_system", "fs-0123456789abcdef0"),
            (f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/orders", "a DynamoDB table", "table", "orders"),
            (f"arn:aws-cn:ec2:cn-north-1:{ACCOUNT}:volume/vol-01234567", "an EBS volume", "volume", "vol-01234567"),
            (
                f"arn:aws:elasticfilesystem:eu-central-1:{ACCOUNT}:file-system/fs-01234567",
                "an EFS file system",
                "file_system",
                "fs-01234567",
            ),
        )
    ),
    (
        f'[targets.a]\ninstance = "arn:aws:storagegateway:eu-central-1:{ACCOUNT}:gateway/sgw-1/volume/vol-1"',
        "of a Storage Gateway volume there are no drills",
    ),
    ('[targets.a]\nengine = "mysql"', 'targets.a.engine: expected "postgres" or "aurora-postgresql", found "mysql"'),
    (
        f'[targets.a]\ninstance = "arn:aws:rds:eu-central-1:{ACCOUNT}:cluster:x"',
        "under the key cluster, and not its ARN",
    ),
    (
        f'[targets.a]\ninstance = "arn:aws:rds:eu-central-1:{ACCOUNT}:db:x"',
        "the identifier of an RDS instance and not its ARN",
    ),
    (
        '[targets.a]\ndisaster = "later"',
        'targets.a.disaster: expected "now", "random" or "before-next-point", found "later"',
    ),
    ('[targets.a]\ntables = { orders = "exact" }', "targets.a.tables: expected table names with their schema"),
    (
        '[targets.a]\ntables = { "public.orders" = "exakt" }',
        'targets.a.tables."public.orders": expected "exact", "at least',
    ),
    ('[targets.a]\ntables = { "public.orders" = "at least 101 %" }', "at least 99 %"),
    ('[targets.a]\ntables = { "public.orders" = "skip:" }', "skip: REASON"),
    ("[targets.a]\ntags = { team = 1 }", "targets.a.tags.team: expected text in quotes, found 1"),
    ('[targets.a]\ntags = { "aws:x" = "1" }', 'do not begin with "aws:"'),
    (
        '[targets.a]\ntags = { x = "rds:1" }',
        'expected values of tags of at most 256 characters that do not begin with "aws:" or "rds:"',
    ),
    (f'[targets.a]\ntags = {{ x = "{"1" * 257}" }}', "expected values of tags of at most 256 characters"),
    ('[targets.a]\ntags = { x = "a,b" }', "expected tags of letters, digits, spaces and _ . : / = + - @, found"),
    (
        "[targets.a.tags]\n" + "".join(f'x{number} = "1"\n' for number in range(48)),
        "targets.a.tags: expected at most 47 tags, since RDS takes 50 and a drill adds its own, found 48",
    ),
    ("[targets.a.cutover]\nservices = []", "targets.a.cutover.services: expected at least one service"),
    (CUTOVER + 'journal = "s3://B/x"', "targets.a.cutover.journal: expected a folder, or a bucket such as"),
    (CUTOVER + 'allowed = { iops = " " }', "targets.a.cutover.allowed: expected a reason why iops may differ"),
    ('[targets.a.parity.allowed]\niopss = "x"', 'targets.a.parity.allowed.iopss: unknown key; did you mean "iops"?'),
    ('[targets.a.parity.allowed]\niops = " "', "expected the reason for which iops may differ"),
    ('[targets.a.checks]\ncontent = "optional"', 'targets.a.checks.content: expected "required" or "optional: REASON"'),
    ("[targets.a.blocking]\ncontents = true", 'targets.a.blocking.contents: unknown key; did you mean "content"?'),
    ("[targets.a.blocking]\nconnection = false", "expected connection = true: a copy that nobody can enter"),
    ('[targets.a.blocking]\ncontent = "yes"', 'targets.a.blocking.content: expected true or false, found "yes"'),
    ('[[targets.a.queries]]\nname = "q"', 'targets.a.queries[0]: expected either sql or file, found "neither"'),
    ('[[targets.a.queries]]\nname = "q"\nsql = "x"\nfile = "y"', 'expected either sql or file, found "both"'),
    ('[[targets.a.queries]]\nname = "q"\nfile = "no.sql"', "expected a file with a query in UTF-8, found"),
    ('[[targets.a.queries]]\nname = "q"\nsql = "x"\ntarget = "soon"', "expected a duration, a number with a unit"),
    (
        '[[targets.a.queries]]\nname = "q"\nsql = "x"\n[[targets.a.queries]]\nname = "q"\nsql = "y"',
        'expected each query\'s name once, found "q"',
    ),
    ('[targets.a]\ncontent_budget = "0s"', "targets.a.content_budget: expected a duration longer than zero"),
    ('[targets.a.checks]\ncontents = "required"', 'targets.a.checks.contents: unknown key; did you mean "content"?'),
    ('[targets.a]\ntime_to_live = "0s"', "targets.a.time_to_live: expected a duration longer than zero"),
    ('[[targets.a.scenario]]\nname = "instance los"', 'targets.a.scenario[0].name: expected "instance loss"'),
    (
        '[[targets.a.scenario]]\nname = "instance loss"\nrto = "0s"',
        "targets.a.scenario[0].rto: expected a duration longer",
    ),
    (
        '[[targets.a.scenario]]\nname = "instance loss"\n[[targets.a.scenario]]\nname = "instance loss"',
        "each scenario once",
    ),
    (KNOWN.format("catalogue", TOMORROW), 'did you mean "catalog"?, found "catalogue"'),
    (
        KNOWN.format("catalog", "2999-01-01"),
        "targets.a.acknowledged[0].until: expected a day at most a year from today",
    ),
    (
        KNOWN.format("catalog", '"soon"'),
        "targets.a.acknowledged[0].until: expected a day such as 2027-01-31, without quotes",
    ),
    ("[[targets.a.acknowledged]]\ncheck = 'catalog'", "targets.a.acknowledged[0].object: expected a value"),
    ("[[targets.a.scenario]]\nrto = '1m'", "targets.a.scenario[0].name: expected a value"),
    ('[targets.a]\nscenario = { name = "instance loss" }', "targets.a.scenario: expected a list, found a table"),
    ("[targets.a]\nrestore = 3", "targets.a.restore: expected a table, found 3"),
    ('[targets.a.restore]\nrole_arn = "admin"', "targets.a.restore.role_arn: expected a role ARN"),
    ('[targets.a.restore]\nexternal_id = "xy"', "targets.a.restore: expected role_arn beside external_id"),
    (
        '[targets.a.restore]\nsecurity_group = "mine"',
        "targets.a.restore.security_group: expected the id of a security group",
    ),
    (
        '[targets.a.restore]\nparameter_group = "p"\nmake_parameter_group = true',
        "either parameter_group or make_parameter",
    ),
    ('[targets.a.restore]\ndrill_host_cidr = "0.0.0.0/0"', "not the whole world"),
    ("[targets.a.restore]\nmake_parameter_group = 'yes'", "make_parameter_group: expected true or false"),
    ("[targets]\na = 3", "targets.a: expected a table [targets.NAME], found 3"),
    ("targets = 3", "targets: expected a table, found 3"),
    ("[profiles.live]", 'profiles.live.kind: expected "sandbox", "endpoint" or "aws", found nothing'),
    (
        '[profiles.live]\nkind = "awz"',
        'profiles.live.kind: expected "sandbox", "endpoint" or "aws", found "awz"; did you',
    ),
    ('[profiles.sandbox]\nport = "1"', 'profiles.sandbox.port: expected a whole number, found "1"'),
    ("[profiles.sandbox]\nport = 70000", "profiles.sandbox.port: expected a number up to 65535, found 70000"),
    ("[profiles.sandbox]\nport = -1", "profiles.sandbox.port: expected a number from 0, found -1"),
    (
        "[profiles.sandbox]\ndelays = { creatin = '1s' }",
        'profiles.sandbox.delays.creatin: unknown key; did you mean "creating"?',
    ),
    (
        "[profiles.sandbox]\nallow = ['damage']",
        'profiles.sandbox.allow: expected tags out of "damages_backup" or "cuts_over"',
    ),
    ("[profiles.sandbox]\nallow = 'damage'", "profiles.sandbox.allow: expected a list"),
    ('[profiles.endpoint]\nendpoint_url = "ftp://x"', "profiles.endpoint.endpoint_url: expected a URL such as"),
    (
        '[profiles.endpoint]\nendpoint_url = "https://rds.eu-central-1.amazonaws.com"',
        "profiles.endpoint.endpoint_url: expected an emulator's address, since this is AWS itself",
    ),
    ('[profiles.endpoint]\nendpoint_url = "http://x:port"', "profiles.endpoint.endpoint_url: expected a URL such as"),
    ("[profiles.aws]\naccounts = [123]", "profiles.aws.accounts[0]: expected text in quotes, found 123"),
    ('[profiles.aws]\naccounts = ["123"]', "profiles.aws.accounts[0]: expected an AWS account id, 12 digits"),
    ('[profiles.aws]\nregions = ["Frankfurt"]', "profiles.aws.regions[0]: expected an AWS region"),
    ('[profiles.aws]\npoll_every = "1s"', "profiles.aws.poll_every: expected at least 5s"),
    (
        '[drill]\nprofile = "sandbo"',
        'drill.toml: drill.profile: expected the name of a profile, found "sandbo"; did you mean',
    ),
    (
        '[drill]\ntarget = "b"\n[targets.a]',
        'drill.toml: drill.target: expected the name of a target, found "b"; there are a',
    ),
    (
        "[targets.a]\n[targets.b]",
        "expected the name of a target, found none: give --target or set drill.target; there are a, b",
    ),
    ("x =", "drill.toml: line 1: expected TOML, found: invalid value"),
    ('[drill]\ntarget = "unclosed', "drill.toml: line 2: expected TOML, found:"),
    ("[targets.a]\nrto = '1m'\nrto = '2m'", "drill.toml: line 3: expected TOML, found: cannot overwrite a value"),
    (f"x = {'9' * 5000}", "drill.toml: expected TOML of an ordinary size"),
    (f"x = {'[' * 5000}", "drill.toml: expected TOML of an ordinary size"),
]


def test_a_known_difference_is_read_and_shown_among_the_settings(tmp_path: Path) -> None:
    """The entry reaches the judge as it stands in the file; by itself it covers no error."""
    effective = read(tmp_path, f'[targets.a]\ninstance = "a"\n{KNOWN.format("catalog", TOMORROW)}', target="a")

    (entry,) = effective.target.known_differences()
    assert (entry.object, entry.found, entry.until, entry.severity) == (
        "table shop.orders",
        "owner old",
        TOMORROW,
        "warning",
    )
    assert str(TOMORROW) in {setting.value for setting in effective.settings}


@pytest.mark.parametrize(("text", "want"), REFUSED, ids=range(len(REFUSED)))
def test_each_mistake_is_one_sentence_with_file_and_key(tmp_path: Path, text: str, want: str) -> None:
    """A wrong key, type or value is refused with the key and what is allowed."""
    assert want in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        'password = "{}"',
        '[targets.a]\npassword = "{}"',
        '[targets.a.credentials]\nsecret = "{}"',
        '[targets.a.credentials]\npassword_variable = "{}"',
        "[targets.a.credentials]\npassword_variable = ['{}']",
        '[targets.a.tags]\napi_token = "{}"',
        '[profiles.aws]\naws_secret_access_key = "{}"',
        '[profiles.endpoint]\nendpoint_url = "http://user:{}@localhost"',
    ],
)
def test_a_secret_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    """A password in the file is refused with where passwords go, and the sentence does not show it."""
    value = "hunter-of-the-test"
    sentence = refusal(tmp_path, text.format(value))
    assert value not in sentence
    assert re.search("secret|never the password|text in quotes", sentence)


@given(
    domain=st.sampled_from(AWS_DOMAINS),
    labels=st.lists(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True), max_size=4),
    upper=st.booleans(),
    dot=st.sampled_from(["", ".", "%2e", "\uff0e", "\u3002"]),
    port=st.sampled_from(["", ":443", ":8443"]),
    path=st.sampled_from(["", "/", "/x"]),
)
def test_an_endpoint_is_none_of_aws(
    domain: str, labels: list[str], upper: bool, dot: str, port: str, path: str
) -> None:
    """However the name of one of AWS's own hosts is written, it is refused; the same name below another domain is not."""
    host = ".".join([*labels, domain])
    written = (host.upper() if upper else host) + dot
    with pytest.raises(ValidationError, match='use kind = "aws"'):
        EndpointProfile(endpoint_url=f"https://{written}{port}{path}")
    for other in (f"{host}.localhost.test", f"x{domain}", f"{host}.evil.example"):
        EndpointProfile(endpoint_url=f"https://{other}{port}{path}")


@given(st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda found: f"[{found}]")))
def test_an_endpoint_may_be_an_ip_address(address: str) -> None:
    """An emulator in a container often has no name."""
    EndpointProfile(endpoint_url=f"http://{address}:4566")


def test_a_wrong_type_at_a_credential_s_key_is_not_repeated(tmp_path: Path) -> None:
    """A number where a name is expected might be a password all the same."""
    assert refusal(tmp_path, "[targets.a.credentials]\nsecret_id = 471147").endswith(
        "secret_id: expected text in quotes"
    )


def test_an_unknown_name_lists_those_there_are(tmp_path: Path) -> None:
    """A profile or target that does not exist is answered with the ones that do, and with where the name came from."""
    text = "[targets.orders]\n[targets.billing]"
    assert refusal(tmp_path, text, target="order") == (
        '--target: expected the name of a target, found "order"; did you mean "orders"?; there are billing, orders'
    )
    sentence = refusal(tmp_path, text, target="orders", environment={"DRILL_PROFILE": "live"})
    assert sentence == 'DRILL_PROFILE: expected the name of a profile, found "live"; there are aws, endpoint, sandbox'


def test_a_slip_in_a_profile_that_is_not_used_is_found_too(tmp_path: Path) -> None:
    """The whole file is validated on every run, so that production's profile is right before the day it is needed."""
    assert "profiles.production.accountz" in refusal(tmp_path, '[profiles.production]\nkind = "aws"\naccountz = []')


def test_a_named_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With --config the file must exist; the built-in sandbox is for those who name none."""
    with pytest.raises(ConfigError, match="expected a configuration file, found none: correct --config"):
        load(tmp_path / "other.toml", profile=None, target=None, environment={})
    with pytest.raises(ConfigError, match="expected a file that can be read"):
        load(tmp_path, profile=None, target=None, environment={})


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A file in another encoding is named as such; a byte order mark is no mistake."""
    file = tmp_path / "drill.toml"
    file.write_bytes(b'[drill]\ntarget = "\xff"')
    with pytest.raises(ConfigError, match="expected UTF-8 text, found other bytes at byte 18"):
        load(file, profile=None, target=None, environment={})
    file.write_bytes(b"\xef\xbb\xbf[targets.a]")
    assert load(file, profile=None, target=None, environment={}).target_name == "a"


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from([DrillTable, Target, *PROFILES.values()]), st.data())
def test_no_value_of_any_key_ends_in_a_traceback(model: type[Table], data: st.DataObject) -> None:
    """Whatever stands at a known key is taken or refused in a sentence."""
    key = data.draw(st.sampled_from(model.known_keys()))
    value = data.draw(JSON_LIKE)
    raw = {"instance": "a", key: value} if model is Target else {key: value}
    with contextlib.suppress(ConfigError):
        validate_table(model, raw, Path(), "", "t")


# -- table policies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("exact", TablePolicy("exact")),
        ("at least 99 %", TablePolicy("at least", percent=99.0)),
        ("at least 99.5%", TablePolicy("at least", percent=99.5)),
        ("up to created_at", TablePolicy("up to", column="created_at")),
        ("skip: a cache", TablePolicy("skip", reason="a cache")),
    ],
)
def test_a_table_policy_is_read_and_said(text: str, want: TablePolicy) -> None:
    """Each of the four policies is read, and what it says of itself is read as the same."""
    assert parse_table_policy(text) == want
    assert parse_table_policy(str(want)) == want


# -- the document -----------------------------------------------------------------------------------------------------


def test_every_example_of_the_document_is_valid(tmp_path: Path) -> None:
    """Each TOML example of docs/configuration.md loads, so that it can be copied."""
    text = (CHECKOUT / "docs" / "configuration.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(examples) > len(PROFILES)
    for example in examples:
        raw = tomllib.loads(example)
        targets = list(raw.get("targets", {})) or [None]
        read(tmp_path, example, target=targets[0])


def test_every_key_is_in_the_document() -> None:
    """No key of drill.toml is left out of docs/configuration.md."""
    text = (CHECKOUT / "docs" / "configuration.md").read_text(encoding="utf-8")
    seen: list[type[Table]] = [DrillTable, Target, *PROFILES.values(), config.RestoreConfig, config.Credentials]
    seen += [config.Scenario, NamedQuery, LimitsTable]
    seen += [EvidenceConfig, Freshness, KnownDifference, PlanConfig]
    missing = [key for model in seen for key in model.known_keys() if f"`{key}`" not in text]
    assert missing == []
    assert [
        name for name in (*config.CHECKS, *config.OPTIONS, *config.SANDBOX_STATUSES) if f"`{name}`" not in text
    ] == []


def test_what_blocks_unless_the_target_says_otherwise(tmp_path: Path) -> None:
    """A table of true and false changes single checks, the others stay as they are."""
    assert read(tmp_path, "[targets.a]").target.blocks() == set(BLOCKING)

    target = read(tmp_path, '[targets.a.blocking]\ncatalog = false\n"large objects" = true').target
    assert target.blocks() == {"connection", "queries", "sequences", "canary", "invariants", "large objects"}


def test_queries_come_from_the_file_or_from_files_beside_it(tmp_path: Path) -> None:
    """Without their closing semicolon; a relative path counts from the file's folder, and each has its origin."""
    (tmp_path / "sales.sql").write_text("-- of all months\nselect 1;\n", encoding="utf-8")
    effective = read(
        tmp_path,
        '[[targets.a.queries]]\nname = "sales"\nfile = "sales.sql"\ntarget = "200ms"\n'
        '[[targets.a.queries]]\nname = "orders"\nsql = "select 2; "\nsample = true',
    )

    sales, orders = effective.target.queries
    assert (sales.text(), orders.text()) == ("-- of all months\nselect 1", "select 2")
    assert (sales.target, orders.target, orders.sample) == (timedelta(milliseconds=200), None, True)
    told = {each.name: each.value for each in effective.settings}
    assert told["target.queries.sales.target"] == "200ms"


def test_queries_of_the_sample_belong_to_the_sample(tmp_path: Path) -> None:
    """It is in the sandbox, and only without data of the user's own."""
    (tmp_path / "drill.toml").write_text("[targets.a]", encoding="utf-8")
    file = str(tmp_path / "drill.toml")

    def uses_demo_data(**choices: Any) -> bool:
        chosen = RunOptions(config_file=file, **choices)
        return chosen.uses_demo_data(chosen.effective())

    assert uses_demo_data(profile="sandbox")
    assert not uses_demo_data(profile="sandbox", seed="my.dump")
    assert not uses_demo_data(profile="endpoint")


def test_a_target_that_is_meant_only_by_its_name_is_nobody_s_to_expect(tmp_path: Path) -> None:
    """Neither --all nor the gate asks for it, it is a target as any other when named, and where no other is there it is refused."""
    file = tmp_path / "drill.toml"
    file.write_text('[targets.a]\nonly_by_name = true\n[targets.b]\nrto = "5m"\n', encoding="utf-8")

    assert config.expected_targets_of(file) == config.fleet_targets_of(file) == ("b",)
    assert config.targets_of(file) == ("a", "b")
    assert load(file, profile=None, target="a", environment={}).target_name == "a"
    assert config.expected_targets_of(CHECKOUT / "drill.toml") == ("myappdbprod",)

    file.write_text("[targets.a]\nonly_by_name = true\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="expected one without only_by_name, found a: name it with --target"):
        config.fleet_targets_of(file)


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ('instance = "orders"\n[targets.orders.vault_access]\n', "no vault_access of a database"),
        ('volume = "vol-1234567890abcdef0"\nvault = "kept"\n[targets.orders.items]\n', "only what a volume has"),
        (
            'file_system = "fs-1234567890abcdef0"\nvault = "kept"\ntimeout = "1h"\n'
            '[targets.orders.vault_access]\napproval = "6h"\n',
            'expected vault_access.approval to be shorter than limits.features, 6 h, found "6 h"',
        ),
        (
            'table = "Orders"\nvault = "kept"\ntimeout = "1h"\n[targets.orders.vault_access]\napproval = "6h"\n',
            'expected vault_access.approval to be shorter than limits.features, 6 h, found "6 h"',
        ),
    ],
)
def test_who_lends_a_vault_is_said_of_no_database_and_its_approval_ends_within_the_run(
    tmp_path: Path, target: str, refused: str
) -> None:
    """A wait that the run's own limit would end says another key than the one to raise."""
    file = tmp_path / "drill.toml"
    file.write_text(f"[profiles.sandbox]\n[targets.orders]\n{target}")
    with pytest.raises(ConfigError, match=re.escape(refused)):
        load(file, profile=None, target=None, environment={}, tables=True)


def test_how_long_a_drill_waits_for_an_approval_is_the_timeout_unless_it_is_said(tmp_path: Path) -> None:
    """What is said is among the waits of a run, with its key."""
    file = tmp_path / "drill.toml"
    usual = '[profiles.sandbox]\n[targets.orders]\ntable = "Orders"\nvault = "kept"\n'
    file.write_text(usual)
    target = load(file, profile=None, target=None, environment={}, tables=True).target
    assert target.approval() == target.timeout
    file.write_text(usual + '[targets.orders.vault_access]\napproval = "4h"\n')
    target = load(file, profile=None, target=None, environment={}, tables=True).target
    (wait,) = [each for each in target.run_limits("orders", sandboxed=False).waits if "approve" in each.name]
    assert (wait.seconds, wait.key, wait.origin) == (14_400.0, "targets.orders.vault_access.approval", "configured")


def test_the_settings_of_a_table_leave_out_the_defaults_of_databases(tmp_path: Path) -> None:
    """A report of a table has no engine and no hydration among its settings; what somebody wrote down stays."""
    file = tmp_path / "drill.toml"
    file.write_text('[profiles.sandbox]\n[targets.orders]\ntable = "Orders"\nvault = "kept"\n')
    named = {each.name for each in load(file, profile=None, target=None, environment={}, tables=True).settings}
    assert {"target.table", "target.vault", "target.sample", "target.items.segments"} <= named
    assert not {"target.engine", "target.hydrate", "target.expects", "target.instance"} & named
    file.write_text('[profiles.sandbox]\n[targets.orders]\ninstance = "orders"\n')
    named = {each.name for each in load(file, profile=None, target=None, environment={}).settings}
    assert {"target.engine", "target.hydrate", "target.expects", "target.instance"} <= named
