"""The network interfaces of ECS tasks: a task with network mode `awsvpc` has one in EC2."""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend

from drills.sandbox.service.ecs_models import SandboxTask, attachment_detail


def complete_network(given: dict[str, Any] | None, ec2: EC2Backend) -> dict[str, Any] | None:
    """Return a network configuration with AWS's defaults: the VPC's default security group, no public address.

    ECS API reference, AwsVpcConfiguration.
    """
    requested = (given or {}).get("awsvpcConfiguration")
    if not requested or not requested.get("subnets"):
        return given
    complete = {"assignPublicIp": "DISABLED", **requested}
    if not requested.get("securityGroups"):
        vpc = ec2.get_subnet(requested["subnets"][0]).vpc_id
        default = ec2.get_default_security_group(vpc)
        complete["securityGroups"] = [default.id] if default else []
    return {"awsvpcConfiguration": complete}


def remove_interfaces(task: SandboxTask, ec2: EC2Backend) -> None:
    """Delete the network interfaces of a task that has stopped."""
    for attachment in task.attachments:
        attachment.update(status="DELETED")
        ec2.enis.pop(attachment_detail(attachment, "networkInterfaceId"), None)
