"""Gives moto the DynamoDB of the sandbox."""

from __future__ import annotations

from moto.dynamodb.models import dynamodb_backends

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.dynamodb.backend import SandboxDynamoDB
from drills.sandbox.dynamodb.images import TableImages
from drills.sandbox.state import DataPlane


def install(plane: DataPlane) -> None:
    """Make this the DynamoDB of moto; before its first request, and before AWS Backup, which copies its tables."""
    install_backend(dynamodb_backends, SandboxDynamoDB, plane=plane, images=TableImages())
