"""Reads the quotas of Service Quotas that a copy counts against.

Source: Service Quotas API reference, GetServiceQuota, "For some quotas, only the default values are available", and
GetAWSDefaultServiceQuota. Which code a quota has no page of AWS lists: each here is one that tools of others ask for by its name.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from drills.aws import read as aws
from drills.aws.read import error_code
from drills.aws.session import Clients
from drills.aws.settings import read_or_not_verified
from drills.model.parity import NotVerified
from drills.preflight.facts import Quota

_NONE_APPLIED = "NoSuchResourceException"
LOCKS = "DBParameterGroups"  # what RDS calls the quota that a lock counts against


def most_of(clients: Clients, service: str, code: str) -> float | NotVerified:
    """Return how much a quota allows: the value that is applied to the account, else AWS's default."""
    asked = {"ServiceCode": service, "QuotaCode": code}
    quotas = clients.client("service-quotas")

    def applied() -> float | NotVerified:
        try:
            found = quotas.get_service_quota(**asked)["Quota"]
        except ClientError as error:
            if error_code(error) != _NONE_APPLIED:
                raise
            found = quotas.get_aws_default_service_quota(**asked)["Quota"]
        value = found.get("Value")
        return NotVerified(f"Service Quotas does not tell the value of {code}") if value is None else float(value)

    return read_or_not_verified("servicequotas:GetServiceQuota, servicequotas:GetAWSDefaultServiceQuota", applied)


def of_lock(clients: Clients) -> Quota:
    """Return the quota that the lock of the target counts against."""
    found = read_or_not_verified("rds:DescribeAccountAttributes", lambda: aws.quotas(clients))
    if isinstance(found, NotVerified):
        return Quota(LOCKS, "rds", 1, found, found)
    used, most = found.get(LOCKS) or (NotVerified("DescribeAccountAttributes does not name it"),) * 2
    return Quota(LOCKS, "rds", 1, used, most)
