"""The Service Quotas of the sandbox: AWS's defaults of what AWS Backup restores here, which nobody has raised.

moto has those of VPC alone. The values are those of AWS General Reference, "Amazon DynamoDB", "Amazon EBS" and "Amazon EFS
endpoints and quotas", as they are in most regions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import moto.servicequotas.urls
from moto.servicequotas.models import ServiceQuotasBackend, servicequotas_backends
from moto.servicequotas.responses import ServiceQuotasResponse

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.base.url_table import UrlTable

# by service and code: the name and the value
_STORAGE = "Storage for {} volumes, in TiB"
_DEFAULTS: Mapping[tuple[str, str], tuple[str, float]] = MappingProxyType(
    {
        ("dynamodb", "L-F98FE922"): ("Maximum number of tables", 2500.0),
        ("elasticfilesystem", "L-848C634D"): ("File systems per account", 1000.0),
        ("ebs", "L-9CF3C2EB"): (_STORAGE.format("Magnetic (standard)"), 50.0),
        ("ebs", "L-D18FCD1D"): (_STORAGE.format("General Purpose SSD (gp2)"), 50.0),
        ("ebs", "L-7A658B76"): (_STORAGE.format("General Purpose SSD (gp3)"), 50.0),
        ("ebs", "L-FD252861"): (_STORAGE.format("Provisioned IOPS SSD (io1)"), 50.0),
        ("ebs", "L-09BD8365"): (_STORAGE.format("Provisioned IOPS SSD (io2)"), 20.0),
        ("ebs", "L-17AF77E8"): (_STORAGE.format("Cold HDD (sc1)"), 50.0),
        ("ebs", "L-82ACEF56"): (_STORAGE.format("Throughput Optimized HDD (st1)"), 50.0),
    }
)


class SandboxServiceQuotas(ServiceQuotasBackend):
    """The Service Quotas of one region."""

    @property
    def _url_module(self) -> Any:
        return _URLS

    def get_service_quota(self, service_code: str, quota_code: str) -> dict[str, Any]:
        """GetServiceQuota; NoSuchResourceException for what the sandbox knows no quota of."""
        known = _DEFAULTS.get((service_code, quota_code))
        if known is None:
            found: dict[str, Any] = super().get_service_quota(service_code, quota_code)
            return found
        arn = f"arn:aws:servicequotas:{self.region_name}:{self.account_id}:{service_code}/{quota_code}"
        told = {"ServiceCode": service_code, "QuotaArn": arn, "QuotaCode": quota_code, "QuotaName": known[0]}
        return told | {"Value": known[1], "Unit": "None", "Adjustable": True, "GlobalQuota": False}


class SandboxQuotasResponse(ServiceQuotasResponse):
    """Answers GetAWSDefaultServiceQuota too, which moto lacks."""

    def get_aws_default_service_quota(self) -> str:
        """GetAWSDefaultServiceQuota: nobody raises a quota here."""
        asked = json.loads(self.body)
        return json.dumps({"Quota": self.backend.get_service_quota(asked["ServiceCode"], asked["QuotaCode"])})


_URLS = UrlTable(moto.servicequotas.urls.url_bases, {"{0}/$": SandboxQuotasResponse.dispatch})


def install() -> None:
    """Make this the Service Quotas of moto; before its first request."""
    install_backend(servicequotas_backends, SandboxServiceQuotas)
