"""The tables of drill.toml as frozen pydantic models. docs/configuration.md describes each key.

No model has room for a secret: credentials are named, never given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from drills.config.acknowledged import KnownDifference, refuse_unjudged
from drills.config.cutover import CutoverConfig
from drills.config.limits import FEATURES_TIMEOUTS, Limit, Limits, LimitsTable, limits_of, wait_limit
from drills.config.manifests import OF_NO_DATABASE, BucketObjects, ManifestStore, TableItems, VaultAccess, keys_of
from drills.config.objectives import SAMPLE_BUDGET, Allowances, NamedQuery, Scenario, TiersTable
from drills.config.plan import PlanConfig
from drills.config.posture import Parity, PostureConfig, PreflightConfig
from drills.config.table import Table
from drills.config.values import (
    AURORA,
    NO_DRILLS,
    Account,
    BucketName,
    Cidr,
    DatabaseId,
    Duration,
    Engine,
    ExternalId,
    FileSystemId,
    GroupId,
    InstanceClass,
    InstanceId,
    Name,
    PathText,
    RdsName,
    Region,
    RoleArn,
    Span,
    TableName,
    Tags,
    Variable,
    VaultName,
    VolumeId,
    frozen_mapping,
    no_entries,
    refuse,
    unknown_key,
)
from drills.durations import show_duration
from drills.errors import ConfigError
from drills.model.acknowledgement import Acknowledgement
from drills.model.finding import Requirement
from drills.model.instance import OTHERS, TABLE, DatabaseKind, OtherKind
from drills.model.point import NEWEST, PointSelector, parse_point_selector
from drills.model.policy import BLOCKING, CHECKS, TablePolicy, Tier, left_out_of, parse_table_policy
from drills.model.timing import Objectives

# -- targets ----------------------------------------------------------------------------------------------------------


class RestoreConfig(Table):
    """Where and how a copy is restored; what is None is made by the run (the `aws` profile makes parameters only)."""

    role_arn: RoleArn | None = None
    external_id: ExternalId | None = None
    account: Account | None = None
    region: Region | None = None
    subnet_group: RdsName | None = None
    security_group: GroupId | None = None
    parameter_group: RdsName | None = None
    make_parameter_group: bool = False
    kms_key: Name | None = None
    instance_class: InstanceClass | None = None
    ca_bundle: PathText | None = None
    drill_host_cidr: Cidr | None = None
    backup_role_arn: RoleArn | None = None
    lock: bool = True

    @model_validator(mode="after")
    def _one_parameter_group(self) -> RestoreConfig:
        if self.parameter_group and self.make_parameter_group:
            raise refuse("either parameter_group or make_parameter_group = true, found both")
        if self.external_id and not self.role_arn:
            raise refuse("role_arn beside external_id, found external_id alone")
        return self

    @property
    def apart(self) -> bool:
        """Whether copies are restored on another side than the source's: in the name of a role, or in a region of their own."""
        return bool(self.role_arn or self.region)


class Credentials(Table):
    """Where the password of an existing role comes from; see drills/aws/credentials.py for the order."""

    username: Name | None = None
    password_variable: Variable | None = None
    secret_id: Name | None = None


def _policy(raw: Any) -> TablePolicy:
    try:
        return parse_table_policy(raw if isinstance(raw, str) else "")
    except ValueError as error:
        raise refuse(str(error), raw) from None


def _table_names(raw: Mapping[str, TablePolicy]) -> Mapping[str, TablePolicy]:
    for name in raw:
        schema, dot, table = name.partition(".")
        if not (schema.strip() and dot and table.strip()):
            raise refuse('table names with their schema, such as "public.orders"', name)
    return frozen_mapping(raw)


@dataclass(frozen=True, slots=True)
class CheckRule:
    """What a check is on this target; an optional one has its reason."""

    requirement: Requirement
    reason: str = ""

    def __str__(self) -> str:
        """The rule as drill.toml writes it."""
        return f"{self.requirement}: {self.reason}" if self.reason else self.requirement


def _check_rule(raw: Any) -> CheckRule:
    text = raw.strip() if isinstance(raw, str) else ""
    if text == "required":
        return CheckRule("required")
    if reason := re.fullmatch(r"optional:\s*(\S.*)", text):
        return CheckRule("optional", reason[1])
    raise refuse('"required" or "optional: REASON"', raw)


def _check_names(raw: Mapping[str, CheckRule]) -> Mapping[str, CheckRule]:
    for name in raw:
        if name not in CHECKS:
            raise unknown_key(name, CHECKS)
    return frozen_mapping(raw)


def _blocking(raw: Mapping[str, bool]) -> Mapping[str, bool]:
    for name, blocks in raw.items():
        if name not in CHECKS:
            raise unknown_key(name, CHECKS)
        if name == "connection" and not blocks:
            raise refuse("connection = true: a copy that nobody can enter is not usable", blocks)
    return frozen_mapping(raw)


class Freshness(Table):
    """A query of the owner's that tells the newest instant in the owner's own tables; `database` None: the only one."""

    name: Name
    sql: Name
    database: Name | None = None


def _sample(raw: Any) -> PointSelector:
    try:
        return parse_point_selector(raw if isinstance(raw, str) else "")
    except ValueError as error:
        raise refuse(str(error), raw) from None


class Target(Table):
    """A protected database: source instance, vault, objectives, and what must be true of a copy of it.

    `instance` is the name of the database, also where it is an Aurora cluster, which the file names by `cluster`; and that of a
    DynamoDB table, which the file names by `table`, of an S3 bucket, by `bucket`, or the id of an EBS volume, by `volume`, or of an
    EFS file system, by `file_system`: these are no databases.
    """

    table: TableName | None = None
    volume: VolumeId | None = None
    file_system: FileSystemId | None = None
    bucket: BucketName | None = None
    instance: DatabaseId
    cluster: InstanceId | None = None
    engine: Engine = "postgres"
    vault: VaultName | None = None
    databases: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    rto: Span | None = None
    rpo: Span | None = None
    rto_clock: Literal["declaration", "disruption"] = "declaration"
    allowances: Allowances = Allowances()
    disaster: Literal["now", "random", "before-next-point"] = "now"
    sample: Annotated[PointSelector, BeforeValidator(_sample)] = NEWEST
    copy_vault: VaultName | None = None
    loss_tolerance: Duration = timedelta(minutes=1)
    freshness: Annotated[tuple[Freshness, ...], Field(strict=False)] = ()
    drill_every: Span | None = None
    only_by_name: bool = False
    validations_are_drills: bool = False
    expects: Literal["rows", "nothing"] = "rows"
    manifest: PathText | None = None
    manifests: ManifestStore | None = None
    invariants: PathText | None = None
    features: Annotated[tuple[PathText, ...], Field(strict=False)] = ()
    steps: Annotated[tuple[PathText, ...], Field(strict=False)] = ()
    tags: Tags = Field(default_factory=no_entries)
    timeout: Span = timedelta(hours=2)
    time_to_live: Span = timedelta(hours=1)
    limits: LimitsTable = LimitsTable()
    restore: RestoreConfig = RestoreConfig()
    cutover: CutoverConfig | None = None
    items: TableItems = TableItems()
    objects: BucketObjects = BucketObjects()
    vault_access: VaultAccess = VaultAccess()
    tables: Annotated[Mapping[str, Annotated[TablePolicy, BeforeValidator(_policy)]], AfterValidator(_table_names)] = (
        Field(default_factory=no_entries)
    )
    credentials: Credentials = Credentials()
    parity: Parity = Field(default_factory=Parity)
    posture: PostureConfig = PostureConfig()
    preflight: PreflightConfig = PreflightConfig()
    plan: PlanConfig = PlanConfig()
    scenarios: Annotated[tuple[Scenario, ...], Field(strict=False, alias="scenario")] = ()
    queries: Annotated[tuple[NamedQuery, ...], Field(strict=False)] = ()
    acknowledged: Annotated[tuple[KnownDifference, ...], Field(strict=False)] = ()
    blocking: Annotated[Mapping[str, bool], AfterValidator(_blocking)] = Field(default_factory=no_entries)
    tier: Tier = "full"
    tiers: TiersTable = TiersTable()
    content_budget: Span | None = None
    hydrate: bool = False
    trust_code: bool = False
    checks: Annotated[
        Mapping[str, Annotated[CheckRule, BeforeValidator(_check_rule)]], AfterValidator(_check_names)
    ] = Field(default_factory=no_entries)

    @model_validator(mode="before")
    @classmethod
    def _named_by_cluster(cls, raw: Any) -> Any:
        """Take a cluster's name for the name of the database, and its engine for Aurora's; or what is no database for it."""
        if isinstance(raw, Mapping) and (none := next((each for each in NO_DRILLS if each.key in raw), None)):
            raise refuse(f"a database, a table, a volume, a file system or a bucket; {none.why}", raw[none.key])
        keys = ("cluster", *(kind.key for kind in OTHERS.values()))
        for key in keys[1:]:
            if isinstance(raw, Mapping) and isinstance(raw.get(key), str):
                others = [raw.get(each) for each in keys if each != key]
                if raw.get("instance", raw[key]) != raw[key] or any(each is not None for each in others):
                    known = f"{', '.join(('instance', *keys[:-1]))} or {keys[-1]}"
                    raise refuse(f"{known}, and one of them: a target is one thing", raw[key])
                return {**raw, "instance": raw[key]}
        if not isinstance(raw, Mapping) or not isinstance(raw.get("cluster"), str):
            return raw
        # the same where an effective configuration is read again
        if raw.get("instance", raw["cluster"]) != raw["cluster"]:
            raise refuse("instance or cluster, found both: the database is one of the two", raw["cluster"])
        return {"engine": AURORA, **raw, "instance": raw["cluster"]}

    @property
    def kind(self) -> DatabaseKind:
        """Whether the database is an instance or an Aurora cluster. Raises ConfigError for what is no database."""
        self.require_database("this")
        return "cluster" if self.cluster else "instance"

    @property
    def other(self) -> OtherKind | None:
        """What the target is where it is no database, None where it is one."""
        return next((kind for kind in OTHERS.values() if getattr(self, kind.key) is not None), None)

    @property
    def is_table(self) -> bool:
        """Whether the target is a DynamoDB table, and no database."""
        return self.record_kind == TABLE

    @property
    def record_kind(self) -> str:
        """What the run record calls such a target: "" a database."""
        return self.other.record if self.other else ""

    @property
    def is_database(self) -> bool:
        """Whether the target is a database: an instance or an Aurora cluster."""
        return self.other is None

    @property
    def in_words(self) -> str:
        """What the target is, in words."""
        return self.other.in_words if self.other else "a database"

    def require_database(self, what: str) -> None:
        """Refuse what is no database to what is there for databases alone. Raises ConfigError with `what` at the beginning."""
        if other := self.other:
            so_far = "drills, posture and preflight" if other.foreseen else "drills and posture"
            found = f'the {other.source} "{self.instance}": for {other.in_words} there are {so_far} so far'
            raise ConfigError(f"{what}: expected a target that is a database, found {found}: see {other.page}")

    @model_validator(mode="after")
    def _whole(self) -> Target:
        refuse_unjudged(self.acknowledged, self.other)
        if self.other:
            self._check_resource(self.other)
            return self
        if given := sorted(OF_NO_DATABASE.keys() & self.model_fields_set):
            raise refuse(f"no {given[0]} of a database: it is {OF_NO_DATABASE[given[0]]}", given[0])
        names = [scenario.name for scenario in self.scenarios]
        for name in names:
            if names.count(name) > 1:
                raise refuse("each scenario once", name)
        asked = [query.name for query in self.queries]
        if twice := next((each for each in asked if asked.count(each) > 1), None):
            raise refuse("each query's name once", twice)
        if (self.engine == AURORA) != (self.kind == "cluster"):
            raise refuse(
                'engine = "aurora-postgresql" of a cluster and "postgres" of an instance, or none', self.engine
            )
        if self.manifest and self.manifests:
            raise refuse("manifest or manifests, found both: a file that is named, or a store that is searched")
        return self

    def _check_resource(self, kind: OtherKind) -> None:
        """Refuse what such a target does not have: no SQL, and AWS Backup restores it in its own account and region."""
        word, known = kind.source, keys_of(kind)
        for name in sorted(self.model_fields_set - known):
            raise refuse(f"only what a {word} has ({', '.join(sorted(known - {'instance'}))})", name)
        if restore := self.restore.model_fields_set - {"backup_role_arn", "lock"}:
            raise refuse(f"nothing but backup_role_arn and lock in restore of a {word}", min(restore))
        if self.vault is None:
            raise refuse(f"the vault that has the {word}'s recovery points, under the key vault")
        if self.sample.kind in ("moment", "copy"):
            raise refuse("a recovery point of the vault: newest, oldest, random or its ARN", str(self.sample))
        if self.tier != "full":
            raise refuse(f'the tier "full" of a {word}', self.tier)
        longest, approval = self.limits.features or self.timeout * FEATURES_TIMEOUTS, self.vault_access.approval
        if approval and approval >= longest:
            shown = show_duration(longest.total_seconds())
            raise refuse(
                f"vault_access.approval to be shorter than limits.features, {shown}",
                show_duration(approval.total_seconds()),
            )
        if self.posture.promised is not None:
            raise refuse(
                f"no posture.promised of a {word}: drills posture judges it, a run does not", self.posture.promised
            )

    def approval(self) -> timedelta:
        """Return how long a drill waits for a team to approve a vault for access. Pure."""
        return self.vault_access.approval or self.timeout

    def run_limits(self, name: str, *, sandboxed: bool) -> Limits:
        """Return how long each part of a run may take on this target, which drill.toml calls `name`. Pure."""
        further: list[Limit] = []
        if self.cutover:
            key, given = f"targets.{name}.cutover.service_timeout", "service_timeout" in self.cutover.model_fields_set
            words = "a cut-over's service to stop or to start"
            further.append(wait_limit(words, self.cutover.service_timeout, key, given=given))
        if budget := self.budget():
            key, given = f"targets.{name}.content_budget", self.content_budget is not None
            further.append(wait_limit("the comparison of the content", budget, key, given=given))
        if self.vault_access.approval:
            key = f"targets.{name}.vault_access.approval"
            further.append(wait_limit("a team to approve a vault for access", self.approval(), key, given=True))
        timeout = (self.timeout, "timeout" in self.model_fields_set)
        return limits_of(name, self.limits, timeout, tuple(further), sandboxed=sandboxed)

    def blocks(self) -> frozenset[str]:
        """Return the names of the checks that must pass before a copy counts as usable."""
        return frozenset(name for name in CHECKS if self.blocking.get(name, name in BLOCKING)) - left_out_of(self.tier)

    def budget(self) -> timedelta | None:
        """Return how long the content may be compared, None where nothing limits it."""
        return self.content_budget or (SAMPLE_BUDGET if self.tier == "sample" else None)

    def known_differences(self) -> tuple[Acknowledgement, ...]:
        """Return the differences that the owner has acknowledged."""
        return tuple(Acknowledgement(**dict(each)) for each in self.acknowledged)

    def scenario(self, name: str | None) -> Scenario | None:
        """Return the scenario of that name, None when the target has none."""
        return next((scenario for scenario in self.scenarios if scenario.name == name), None)

    def objectives(self, scenario: str | None = None) -> Objectives:
        """Return the objectives in seconds; a scenario's own go before the target's."""
        own = self.scenario(scenario)
        rto = (own and own.rto) or self.rto
        rpo = (own and own.rpo) or self.rpo
        return Objectives(
            rto_seconds=rto.total_seconds() if rto else None,
            rpo_seconds=rpo.total_seconds() if rpo else None,
            rto_clock=self.rto_clock,
        )


class DrillTable(Table):
    """The names that hold when neither an option nor the environment says otherwise."""

    profile: Name | None = None
    target: Name | None = None
    history: PathText | None = None
