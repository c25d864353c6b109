"""Where `drills manifest --target` keeps what it takes: the target's store, opened before the source is read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from drills.checks.manifest import Manifest
from drills.cli.evidence.signing import signer_of
from drills.config.evidence import StoreText
from drills.config.load import Config
from drills.errors import ConfigError, DrillError, NotSealed
from drills.evidence.keys import Signer
from drills.evidence.stored.about import is_point
from drills.evidence.stored.find import configured_key_of
from drills.evidence.stored.keep import Place, keep_manifest, open_manifest_store
from drills.model.policy import TablePolicy
from drills.printable import to_json

if TYPE_CHECKING:
    from drills.aws.session import Clients
    from drills.evidence.store import Store


@dataclass(frozen=True, slots=True)
class Kept:
    """A store that is open, and how an entry of it is named and signed. `policies` are the target's, by which it is compared,
    and `strength` is to how many bits its rows are hashed.
    """

    store: Store
    target: str
    point: str
    signer: Signer | None
    policies: Mapping[str, TablePolicy] = field(default_factory=dict)
    strength: int = 64

    def keep(self, data: bytes, taken_at: datetime, key: bytes | None) -> Place:
        """Keep a manifest and its key. Raises DrillError."""
        return keep_manifest(
            self.store, data, taken_at, target=self.target, point=self.point, key=key, signer=self.signer
        )


def open_kept(options: argparse.Namespace) -> Kept | None:
    """Return the store that the options and drill.toml name, None where none is asked for. Raises DrillError.

    What the drill would refuse is refused here, before the source is read: no store, no signature, or one by another key.
    """
    if not options.target:
        for name in ("store", "point", "profile", "config", "endpoint_url"):
            if getattr(options, name):
                option = f"--{name.replace('_', '-')}"
                raise ConfigError(f"{option}: expected --target NAME beside it, found none: say whose manifest it is")
        return None
    if options.point is not None and not is_point(options.point):
        raise ConfigError(
            "--point: expected the ARN of a recovery point, arn:aws:rds:REGION:ACCOUNT:snapshot:ID or "
            f'arn:aws:backup:REGION:ACCOUNT:recovery-point:ID, found "{options.point}", under which no drill looks: drills backup '
            "prints the ARN, and so does a drill; without --point it is stored by its time"
        )
    from drills.cli.target import open_source_alone, read_options

    config = read_options(options)
    url = _store(options.store) or (config.target.manifests.store if config.target.manifests else "")
    if not url:
        raise ConfigError(
            f"targets.{config.target_name}.manifests: expected the store of the target, found none: set its store, or give "
            "--store"
        )

    @cache
    def clients() -> Clients:
        return open_source_alone(options, config, "evidence")

    signer = _signer(options.key, config, clients)
    try:
        store = open_manifest_store(url, clients)
        store.check()
    except NotSealed as error:
        raise DrillError(f"{error}: the source was not read") from error
    strength = config.target.manifests.strength if config.target.manifests else 64
    return Kept(store, config.target_name, options.point or "", signer, config.target.tables, strength)


def _store(given: str | None) -> str:
    if given is None:
        return ""
    try:
        url: str = TypeAdapter(StoreText).validate_python(given, context={})
    except ValidationError as error:
        raise ConfigError(f"--store: {error.errors(include_url=False)[0]['msg']}") from None
    return url


def _signer(key: str | None, config: Config, clients: Callable[[], Clients]) -> Signer | None:
    """Return who signs; refused where drill.toml names a public key that this is not."""
    wanted = configured_key_of(config)
    if key is None:
        if wanted:
            raise ConfigError(
                f"--key: expected the key whose public key is {wanted.name}, found none: a drill of {config.target_name} refuses "
                "what is not signed by it"
            )
        return None
    signer = signer_of(key, clients=clients)
    if wanted and wanted.fingerprint != signer.fingerprint:
        raise ConfigError(
            f"--key: expected the key whose public key is {wanted.name} ({wanted.fingerprint[:16]}…), found another "
            f"({signer.fingerprint[:16]}…): a drill of {config.target_name} refuses what it has signed"
        )
    return signer


def show_kept(
    kept: Kept, taken: Manifest, place: Place, summary: Callable[[Manifest, str], str], *, as_json: bool
) -> None:
    """Print what was stored, and where: for people on stderr, as JSON on stdout."""
    if as_json:
        print(to_json(_facts(kept, taken, place)))
        return
    read_of = " of a replica" if taken.replica else ""
    print(f"{summary(taken, place.entry)}{read_of}", file=sys.stderr)
    signed = (
        f"signed, fingerprint {kept.signer.fingerprint}"
        if kept.signer
        else "not signed: whoever can write there can edit it"
    )
    print(f"{place.entry}: {signed}", file=sys.stderr)
    if not place.key:
        print(f"{place.entry}: without a key: what could be a secret is compared by no drill", file=sys.stderr)


def _facts(kept: Kept, taken: Manifest, place: Place) -> dict[str, Any]:
    tables = [table for one in taken.databases.values() for table in one.contents.tables.values()]
    return {
        "target": kept.target,
        "point": kept.point or None,
        "taken_at": taken.taken_at.isoformat(),
        "entry": place.entry,
        "key": place.key or None,
        "signed_by": kept.signer.fingerprint if kept.signer else None,
        "replica": taken.replica,
        "databases": list(taken.databases),
        "tables": len(tables),
        "rows": sum(table.rows for table in tables),
        "unread": {
            name: {**one.contents.unreadable, **one.contents.damaged}
            for name, one in taken.databases.items()
            if one.contents.unreadable or one.contents.damaged
        },
        "held_seconds": max((one.held_seconds for one in taken.databases.values()), default=0.0),
    }
