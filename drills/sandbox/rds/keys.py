"""The KMS keys that encrypt instances and snapshots."""

from __future__ import annotations

from moto.kms.models import KmsBackend, kms_backends
from moto.rds.exceptions import KMSKeyNotAccessibleFault

from drills.policy_statements import parse_policy


class Keys:
    """Finds the KMS keys of one region."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region

    def _kms(self) -> KmsBackend:
        return kms_backends[self._account][self._region]

    def managed(self) -> str:
        """Return the ARN of `alias/aws/rds`, the key that RDS uses when a request names none."""
        key = self._kms().describe_key("alias/aws/rds")
        key.key_manager = "AWS"  # moto calls every key the customer's
        return str(key.arn)

    def check(self, key_id: str | None) -> str | None:
        """Return the ARN of a key (id, alias or ARN); raise KMSKeyNotAccessibleFault unless it exists and is enabled."""
        if not key_id:
            return None
        try:
            key = self._kms().describe_key(key_id)
        except Exception as error:
            raise KMSKeyNotAccessibleFault(key_id) from error
        if key.key_state != "Enabled":
            raise KMSKeyNotAccessibleFault(key_id)
        return str(key.arn)

    def is_customers(self, arn: str) -> bool:
        """Return whether a key of this account and region is the customer's, and not one that AWS manages."""
        key = self._kms().keys.get(arn.rpartition("/")[2])
        return key is not None and key.key_manager != "AWS"

    def is_shared(self, arn: str, account: str) -> bool:
        """Return whether the policy of a key lets another account use it, which that of a key of AWS's own never does."""
        key = self._kms().keys.get(arn.rpartition("/")[2])
        if key is None or key.key_manager == "AWS":
            return False
        return any(each.lets(account, "kms:Decrypt") for each in parse_policy(key.policy))
