"""An EBS volume, backed up by AWS Backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.chaos.cases import VOLUME
from tests.chaos.kinds.kind import LocalAws, configure
from tests.support.rds import ROLE
from tests.support.runs import Place
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox
from tests.support.volumes import VAULT, KeptVolume, kept_volume


class Volume:
    """A volume with performance of its own and a tag. Nobody reads what it holds."""

    plan = VOLUME
    target = "files"

    @contextmanager
    def opened(self, place: Place) -> Iterator[RunningSandbox]:
        """A sandbox with the volume and its backup."""
        running = start_sandbox()
        try:
            with kept_volume(running) as kept:
                self._configure(kept, place)
                yield running
        finally:
            end_sandbox(running)

    def _configure(self, kept: KeptVolume, place: Place) -> None:
        restore = f'backup_role_arn = "{ROLE}"'
        words = {"kind": "volume", "source": kept.id, "vault": VAULT}
        configure(place, kept.sandbox, target=self.target, restore=restore, **words)

    def described(self, aws: LocalAws) -> Any:
        """The volumes with the source's tag: it alone."""
        named = [{"Name": "tag:team", "Values": ["files"]}]
        return aws.client("ec2").describe_volumes(Filters=named)["Volumes"]

    def content(self, aws: LocalAws) -> str:
        """Nothing: no block of a volume is read."""
        return ""
