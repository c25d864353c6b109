"""How a point is named on the side that restores it, and whether its snapshot is copied first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drills.aws.session import Clients
from drills.config.load import Target
from drills.recovery.setup import addressed, needs_copy
from tests.support.points import point_of

HERE = ("eu-central-1", "123456789012")
KEY = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"


def clients(region: str, account: str) -> Clients:
    """The side of an account and a region; nothing is asked of it."""
    return Clients(None, None, None, None, None, None, None, region=region, account=account)


@pytest.mark.parametrize(
    ("restore", "encrypted", "key", "copied", "by_arn"),
    [
        (HERE, True, None, False, False),
        (HERE, False, KEY, True, False),
        (("us-east-1", HERE[1]), False, None, True, False),
        ((HERE[0], "222222222222"), False, None, False, True),
        ((HERE[0], "222222222222"), True, None, True, True),
        ((HERE[0], ""), True, None, False, False),
    ],
)
def test_a_point_of_another_account_goes_by_its_arn_and_an_encrypted_one_is_copied(
    restore: tuple[str, str], encrypted: bool, key: str | None, copied: bool, by_arn: bool
) -> None:
    """Copied first: from another region, under another key, and what is both shared and encrypted."""
    point = replace(point_of("orders"), arn=f"arn:aws:rds:{HERE[0]}:{HERE[1]}:snapshot:orders", encrypted=encrypted)
    target = Target.model_validate(
        {"instance": "orders", "vault": "vault", "rto": "1h", "rpo": "1h", "restore": {"kms_key": key}}
    )
    there = clients(*restore)

    assert needs_copy(point, HERE[0], there, target) is copied
    assert addressed(point, there).snapshot_id == (point.arn if by_arn else "orders")
