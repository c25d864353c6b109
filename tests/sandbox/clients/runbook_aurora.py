"""The recovery runbook of an Aurora cluster: the commands of the AWS CLI and of psql, word for word as they are typed on AWS.

`python -m tests.sandbox.clients.runbook_aurora` writes docs/runbook-aurora.md, with what a sandbox answered.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.sandbox.clients.runbook import Section, Step
from tests.sandbox.clients.runbook_page import page
from tests.sandbox.clients.runbook_stack import Told, shell
from tests.support.aurora import create_cluster
from tests.support.paths import CHECKOUT
from tests.support.rds import ROLE
from tests.support.sandbox import RunningSandbox, end_sandbox, start_sandbox

PAGE = CHECKOUT / "docs" / "runbook-aurora.md"
NAME, VAULT, ROWS = "ledgerprod", "ledger-vault", 1000
OPENING = """\
# The runbook of an Aurora cluster

What a team types when its cluster is lost, as [the runbook of an instance](runbook.md) says it of an instance: the services are
stopped, the recovery point is found and the services are started again as there. What differs is in the middle: a cluster is
renamed with each of its instances, its restore makes a cluster that has none, and one has to be created. `PGUSER`, `PGPASSWORD`,
`PGSSLMODE=verify-full` and `PGSSLROOTCERT` were set for `psql`. By one command, and undone by one: [the
cut-over](cutover.md#an-aurora-cluster).

**Statuses and names are AWS's. Times, sizes and addresses are [the sandbox's](sandbox.md#aurora-postgresql), and say nothing about
AWS, where nobody has typed this yet.** A test runs the same commands. Where this page differs, write it anew with
`python -m tests.sandbox.clients.runbook_aurora`.
"""
_CLUSTER = f"aws rds describe-db-clusters --db-cluster-identifier {NAME}"
_AVAILABLE = f"{_CLUSTER} --query 'DBClusters[0].Status'"
_INSTANCE = "aws rds describe-db-instances --db-instance-identifier {} --query 'DBInstances[0].DBInstanceStatus'"
_COUNT = "psql -h $PGHOST -p $PGPORT -d app -Atc 'SELECT count(*) FROM entry'"

SECTIONS = (
    Section(
        "Back up now",
        "A recovery point of a cluster is a DB cluster snapshot of type awsbackup. Where the cluster is lost already, the newest "
        "one of the vault takes its place.",
        (
            Step(f"CLUSTER=$({_CLUSTER} --query 'DBClusters[0].DBClusterArn' --output text)"),
            Step(
                f"JOB=$(aws backup start-backup-job --backup-vault-name {VAULT} --resource-arn $CLUSTER \\\n"
                f"    --iam-role-arn {ROLE} --query BackupJobId --output text)"
            ),
            Step("aws backup describe-backup-job --backup-job-id $JOB --query State", until='"COMPLETED"'),
            Step(
                f"SNAPSHOT=$(aws backup list-recovery-points-by-backup-vault --backup-vault-name {VAULT} \\\n"
                "    --query 'sort_by(RecoveryPoints, &CreationDate)[-1].RecoveryPointArn' --output text)"
            ),
            Step(
                "aws rds describe-db-cluster-snapshots --db-cluster-snapshot-identifier $SNAPSHOT \\\n"
                "    --query 'DBClusterSnapshots[0].[DBClusterIdentifier, SnapshotType, Status, StorageEncrypted]' --output text"
            ),
        ),
    ),
    Section(
        "The disaster",
        "Half of the entries are deleted.",
        (
            Step(_AVAILABLE, until='"available"'),
            Step(f"PGHOST=$({_CLUSTER} --query 'DBClusters[0].Endpoint' --output text)"),
            Step(f"PGPORT=$({_CLUSTER} --query 'DBClusters[0].Port' --output text)"),
            Step("psql -h $PGHOST -p $PGPORT -d app -c 'DELETE FROM entry WHERE id > 500'"),
        ),
    ),
    Section(
        "Put the old cluster aside",
        "Its configuration first: a renamed cluster has another endpoint, and a deleted one none. Each instance is renamed by "
        "itself; the new names are there once it has rebooted.",
        (
            Step(f"{_CLUSTER} > left.json"),
            Step(
                f"GROUP=$({_CLUSTER} \\\n"
                "    --query 'DBClusters[0].VpcSecurityGroups[0].VpcSecurityGroupId' --output text)"
            ),
            Step(
                f"aws rds modify-db-instance --db-instance-identifier {NAME}-writer \\\n"
                f"    --new-db-instance-identifier {NAME}-old-writer --apply-immediately --query 'DBInstance.DBInstanceStatus'"
            ),
            Step(_INSTANCE.format(f"{NAME}-old-writer"), until='"available"'),
            Step(
                f"aws rds modify-db-cluster --db-cluster-identifier {NAME} --new-db-cluster-identifier {NAME}-old \\\n"
                "    --apply-immediately --query 'DBCluster.Status'"
            ),
            Step(
                f"aws rds describe-db-clusters --db-cluster-identifier {NAME}-old \\\n    --query 'DBClusters[0].Status'",
                until='"available"',
            ),
        ),
    ),
    Section(
        "Restore under the old name",
        "What is not said here comes back as the service's default, not as it was. The cluster answers nobody until it has an "
        "instance, and takes one only once it is available.",
        (
            Step(
                f"aws rds restore-db-cluster-from-snapshot --db-cluster-identifier {NAME} --snapshot-identifier $SNAPSHOT \\\n"
                "    --engine aurora-postgresql --vpc-security-group-ids $GROUP --query 'DBCluster.[Status, DBClusterMembers]'"
            ),
            Step(_AVAILABLE, until='"available"'),
            Step(
                f"aws rds create-db-instance --db-instance-identifier {NAME}-writer --db-cluster-identifier {NAME} \\\n"
                "    --engine aurora-postgresql --db-instance-class db.r6g.large --no-publicly-accessible \\\n"
                "    --query 'DBInstance.DBInstanceStatus'"
            ),
            Step(_INSTANCE.format(f"{NAME}-writer"), until='"available"'),
        ),
    ),
    Section(
        "Compare left and right",
        "Every difference is either in the nature of a new cluster or a setting to be put right by hand before the services "
        "start: here the deletion protection.",
        (Step(f"{_CLUSTER} > right.json"), Step("diff left.json right.json")),
    ),
    Section(
        "Look at the data",
        "The restored cluster answers at the endpoint that the old one had on AWS, where it follows the name.",
        (
            Step(f"PGHOST=$({_CLUSTER} --query 'DBClusters[0].Endpoint' --output text)"),
            Step(f"PGPORT=$({_CLUSTER} --query 'DBClusters[0].Port' --output text)"),
            Step(_COUNT),
        ),
    ),
)
STEPS = tuple(step for section in SECTIONS for step in section.steps)


def run(running: RunningSandbox, folder: Path) -> list[Told]:
    """Make the cluster, its vault and its rows, and run every step."""
    key = running.client("kms").create_key()["KeyMetadata"]["Arn"]
    running.client("backup").create_backup_vault(BackupVaultName=VAULT, EncryptionKeyArn=key)
    source = create_cluster(
        running, NAME, StorageEncrypted=True, KmsKeyId=key, DeletionProtection=True, BackupRetentionPeriod=1
    )
    source.writer()
    with source.connect() as session:
        session.execute("CREATE TABLE entry (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())")
        session.execute("INSERT INTO entry SELECT generate_series(1, %s)", (ROWS,))
    prompt = shell(running, folder, source.password)
    prompt.environment["PGUSER"] = str(source.described()["MasterUsername"])
    return [prompt.run(step) for step in STEPS]


def main() -> None:
    """Write the page."""
    running = start_sandbox()
    try:
        with tempfile.TemporaryDirectory() as folder:
            PAGE.write_text(page(run(running, Path(folder)), SECTIONS, OPENING), encoding="utf-8")
    finally:
        end_sandbox(running)


if __name__ == "__main__":
    main()
