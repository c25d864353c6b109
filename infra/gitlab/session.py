"""Exchange the job's token for a session of a role, and print it as a shell's exports; nothing of it is written to a file.

Of the environment: DRILL_ID_TOKEN, ROLE_ARN, ROLE_SECONDS, AWS_REGION and CI_JOB_ID.
"""

from __future__ import annotations

import os
import shlex

import boto3
from botocore import UNSIGNED
from botocore.config import Config


def main() -> None:
    """Print the exports."""
    client = boto3.client("sts", region_name=os.environ["AWS_REGION"], config=Config(signature_version=UNSIGNED))
    credentials = client.assume_role_with_web_identity(
        RoleArn=os.environ["ROLE_ARN"],
        RoleSessionName=f"recovery-drill-{os.environ['CI_JOB_ID']}",
        WebIdentityToken=os.environ["DRILL_ID_TOKEN"],
        DurationSeconds=int(os.environ["ROLE_SECONDS"]),
    )["Credentials"]
    named = {"ACCESS_KEY_ID": "AccessKeyId", "SECRET_ACCESS_KEY": "SecretAccessKey", "SESSION_TOKEN": "SessionToken"}
    for variable, name in named.items():
        print(f"export AWS_{variable}={shlex.quote(credentials[name])}")


if __name__ == "__main__":
    main()
