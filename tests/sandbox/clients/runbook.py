"""The recovery runbook: the commands of the AWS CLI and of psql, word for word as they are typed on AWS.

test_runbook_cli.py runs them in the sandbox, and runbook_page.py writes them, with what they answered, to docs/runbook.md.
Their environment is in runbook_stack.py; of it AWS_ENDPOINT_URL alone says that this is not AWS.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One command. With `until` it is repeated until it succeeds and its output contains that."""

    command: str
    until: str = ""

    @property
    def variable(self) -> str:
        """The shell variable that the command sets, empty when it sets none."""
        name, is_one, _ = self.command.partition("=$(")
        return name if is_one and name.isupper() else ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what is to be said below it, and its steps."""

    title: str
    text: str
    steps: tuple[Step, ...]


_STATUS = "aws rds describe-db-instances --db-instance-identifier {} --query 'DBInstances[0].DBInstanceStatus'"

SECTIONS = (
    Section(
        "What protects the database",
        "The key, the vault, the plan and what the plan selects. A monthly plan means that up to a month of data can be "
        "lost, whatever the vault holds.",
        (
            Step("aws kms list-aliases"),
            Step("aws kms list-keys"),
            Step("aws kms describe-key --key-id alias/myapp"),
            Step("aws backup list-backup-vaults"),
            Step("aws backup describe-backup-vault --backup-vault-name myapp-vault"),
            Step("aws backup list-backup-plans"),
            Step("PLAN=$(aws backup list-backup-plans --query 'BackupPlansList[0].BackupPlanId' --output text)"),
            Step("aws backup get-backup-plan --backup-plan-id $PLAN"),
            Step("aws backup list-backup-selections --backup-plan-id $PLAN"),
            Step(
                "SELECTION=$(aws backup list-backup-selections --backup-plan-id $PLAN \\\n"
                "    --query 'BackupSelectionsList[0].SelectionId' --output text)"
            ),
            Step("aws backup get-backup-selection --backup-plan-id $PLAN --selection-id $SELECTION"),
        ),
    ),
    Section(
        "Back up now",
        "An on-demand job, followed to its end. The recovery point's ARN is that of an RDS snapshot.",
        (
            Step(
                "aws backup start-backup-job --backup-vault-name myapp-vault \\\n"
                "    --resource-arn arn:aws:rds:eu-central-1:123456789012:db:myappdbprod \\\n"
                "    --iam-role-arn arn:aws:iam::123456789012:role/myapp-backup --lifecycle DeleteAfterDays=180"
            ),
            Step("aws backup list-backup-jobs", until='"State": "COMPLETED"'),
            Step("aws backup list-protected-resources"),
            Step("aws backup list-recovery-points-by-backup-vault --backup-vault-name myapp-vault --max-results 30"),
        ),
    ),
    Section(
        "The disaster",
        "Half of the orders are deleted.",
        (
            Step(_STATUS.format("myappdbprod"), until='"available"'),
            Step(
                "PGHOST=$(aws rds describe-db-instances --db-instance-identifier myappdbprod \\\n"
                "    --query 'DBInstances[0].Endpoint.Address' --output text)"
            ),
            Step(
                "PGPORT=$(aws rds describe-db-instances --db-instance-identifier myappdbprod \\\n"
                "    --query 'DBInstances[0].Endpoint.Port' --output text)"
            ),
            Step("psql -h $PGHOST -p $PGPORT -U owner -d myapp -c 'DELETE FROM orders WHERE id > 500'"),
        ),
    ),
    Section(
        "Stop the services",
        "Nothing writes while the database is replaced.",
        (
            Step("aws ecs list-services --cluster myapp"),
            Step("aws ecs list-tasks --cluster myapp"),
            Step("aws ecs update-service --cluster myapp --service myapp-web --desired-count 0"),
            Step("aws ecs update-service --cluster myapp --service myapp-worker --desired-count 0"),
            Step("aws ecs list-tasks --cluster myapp", until='"taskArns": []'),
        ),
    ),
    Section(
        "Put the old instance aside",
        "It keeps its data under another name; the name that the services know becomes free.",
        (
            Step("aws rds describe-db-instances --db-instance-identifier myappdbprod > left.json"),
            Step("aws rds describe-db-snapshots --db-instance-identifier myappdbprod"),
            Step(
                "SNAPSHOT=$(aws rds describe-db-snapshots --db-instance-identifier myappdbprod \\\n"
                "    --snapshot-type awsbackup --query 'DBSnapshots[-1].DBSnapshotIdentifier' --output text)"
            ),
            Step(
                "aws rds modify-db-instance --db-instance-identifier myappdbprod \\\n"
                "    --new-db-instance-identifier myappdbprod-old --apply-immediately"
            ),
            Step(_STATUS.format("myappdbprod-old"), until='"available"'),
        ),
    ),
    Section(
        "Restore under the old name",
        "What is not said here comes back as the service's default, not as it was.",
        (
            Step(
                "SECURITY_GROUP=$(aws rds describe-db-instances --db-instance-identifier myappdbprod-old \\\n"
                "    --query 'DBInstances[0].VpcSecurityGroups[0].VpcSecurityGroupId' --output text)"
            ),
            Step(
                "aws rds restore-db-instance-from-db-snapshot --db-instance-identifier myappdbprod \\\n"
                "    --db-snapshot-identifier $SNAPSHOT --vpc-security-group-ids $SECURITY_GROUP \\\n"
                "    --db-subnet-group-name myapp-subnets --db-parameter-group-name myapp-postgres \\\n"
                '    --no-publicly-accessible --enable-cloudwatch-logs-exports \'["postgresql","upgrade"]\''
            ),
            Step(_STATUS.format("myappdbprod"), until='"available"'),
        ),
    ),
    Section(
        "Compare left and right",
        "Every difference is either in the nature of a new instance or a setting to be put right by hand before the "
        "services start.",
        (
            Step("aws rds describe-db-instances --db-instance-identifier myappdbprod > right.json"),
            Step("diff left.json right.json"),
        ),
    ),
    Section(
        "Look at the data and start the services",
        "The restored database answers where the old one did.",
        (
            Step("psql -h $PGHOST -p $PGPORT -U owner -d myapp -c 'SELECT count(*) FROM orders'"),
            Step("aws ecs update-service --cluster myapp --service myapp-web --desired-count 2"),
            Step("aws ecs update-service --cluster myapp --service myapp-worker --desired-count 1"),
            Step("aws ecs list-tasks --cluster myapp --service-name myapp-web", until="task/"),
        ),
    ),
)
STEPS = tuple(step for section in SECTIONS for step in section.steps)
