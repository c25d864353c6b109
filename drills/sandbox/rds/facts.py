"""What RDS tells of itself: quotas, certificates, orderable classes, engine defaults, pending maintenance."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from moto.core.responses import ActionResult
from moto.rds.exceptions import InvalidParameterValue, RDSClientError
from moto.rds.responses import RDSResponse

from drills.sandbox.postgres import parameters
from drills.sandbox.rds.backend import SandboxRDS
from drills.sandbox.rds.settling import CERTIFICATE, INSTANCES_AT_MOST, MANUAL_SNAPSHOTS_AT_MOST

_CLASSES = (
    "db.t4g.micro", "db.t4g.small", "db.t4g.medium", "db.t4g.large", "db.m6g.large", "db.m6g.xlarge", "db.m7g.large",
    "db.r6g.large", "db.r6g.xlarge", "db.r7g.large",
)  # fmt: skip


class FactResponses(RDSResponse):
    """Answers that change nothing."""

    @property
    def sandbox(self) -> SandboxRDS:
        """The backend of this request's account and region."""
        backend = self.backend
        assert isinstance(backend, SandboxRDS)
        return backend

    def describe_account_attributes(self) -> ActionResult:
        """DescribeAccountAttributes: the quotas that the sandbox keeps, which are AWS's defaults."""
        rds = self.sandbox
        manual = sum(each.snapshot_type == "manual" for each in rds.database_snapshots.values())
        used = {
            "DBInstances": (len(rds.databases), INSTANCES_AT_MOST),
            "ManualSnapshots": (manual, MANUAL_SNAPSHOTS_AT_MOST),
        }
        quotas = [{"AccountQuotaName": name, "Used": now, "Max": most} for name, (now, most) in used.items()]
        return ActionResult({"AccountQuotas": quotas})

    def describe_certificates(self) -> ActionResult:
        """DescribeCertificates: the one authority that signs what the instances' ports show."""
        wanted = self.params.get("CertificateIdentifier")
        if wanted not in (None, CERTIFICATE):
            raise RDSClientError("CertificateNotFound", f"Certificate not found: {wanted}")
        rds = self.sandbox
        row = _certificate(rds.plane.state / "tls" / "ca.pem") | {
            "CertificateIdentifier": CERTIFICATE,
            "CertificateType": "CA",
            "CertificateArn": f"arn:aws:rds:{rds.region_name}::cert:{CERTIFICATE}",
            "CustomerOverride": False,
        }
        return ActionResult({"Certificates": [row]})

    def describe_pending_maintenance_actions(self) -> ActionResult:
        """DescribePendingMaintenanceActions: none, since the sandbox upgrades nothing."""
        return ActionResult({"PendingMaintenanceActions": []})

    def describe_engine_default_parameters(self) -> ActionResult:
        """DescribeEngineDefaultParameters: what the server of a family has without a parameter group's values."""
        family = self.params["DBParameterGroupFamily"]
        binaries = self.sandbox.plane.pick(family.removeprefix("postgres") or "none")
        if binaries is None or not family.startswith("postgres"):
            raise InvalidParameterValue(f"ParameterGroupFamily {family} is not a valid parameter group family")
        rows = parameters.described(binaries.folder, {}, None)
        return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": rows}})

    def describe_orderable_db_instance_options(self) -> ActionResult:
        """DescribeOrderableDBInstanceOptions: every server at hand in some classes; a class changes no server here."""
        version, size = self.params.get("EngineVersion"), self.params.get("DBInstanceClass")
        if self.params["Engine"] != "postgres":
            raise InvalidParameterValue(f"Invalid DB engine: {self.params['Engine']}")
        rows = [
            {
                "Engine": "postgres",
                "EngineVersion": each.version,
                "DBInstanceClass": name,
                "LicenseModel": "postgresql-license",
                "AvailabilityZones": [{"Name": f"{self.region}{zone}"} for zone in "abc"],
                "MultiAZCapable": True,
                "Vpc": True,
                "SupportsStorageEncryption": True,
                "StorageType": "gp3",
                "MinStorageSize": 20,
                "MaxStorageSize": 65536,
            }
            for each in self.sandbox.plane.binaries
            for name in _CLASSES
            if size in (None, name) and (not version or (each.version + ".").startswith(version + "."))
        ]
        return ActionResult({"OrderableDBInstanceOptions": rows})


def _certificate(path: Path) -> dict[str, Any]:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    valid: tuple[datetime, datetime] = (found.not_valid_before_utc, found.not_valid_after_utc)
    return {"Thumbprint": found.fingerprint(hashes.SHA1()).hex(), "ValidFrom": valid[0], "ValidTill": valid[1]}
