"""The Secrets Manager of moto, without the members that the answers of AWS do not have."""

from __future__ import annotations

import json
from typing import Any

import moto.secretsmanager.urls
from moto.secretsmanager.models import SecretsManagerBackend, secretsmanager_backends
from moto.secretsmanager.responses import SecretsManagerResponse

from drills.sandbox.base.moto_backends import install_backend
from drills.sandbox.base.url_table import UrlTable


class SandboxSecretsResponse(SecretsManagerResponse):
    """DescribeSecret has VersionIdsToStages, ListSecrets SecretVersionsToStages (API reference); moto answers with both."""

    def describe_secret(self) -> str:
        """DescribeSecret."""
        answer = json.loads(super().describe_secret())
        answer.pop("SecretVersionsToStages", None)
        return json.dumps(answer)

    def list_secrets(self) -> str:
        """ListSecrets."""
        answer = json.loads(super().list_secrets())
        for secret in answer["SecretList"]:
            secret.pop("VersionIdsToStages", None)
        return json.dumps(answer)


_URLS = UrlTable(moto.secretsmanager.urls.url_bases, {"{0}/$": SandboxSecretsResponse.dispatch})


class SandboxSecrets(SecretsManagerBackend):
    """The Secrets Manager of one region."""

    @property
    def _url_module(self) -> Any:
        return _URLS


def install() -> None:
    """Make this the Secrets Manager of moto; before its first request."""
    install_backend(secretsmanager_backends, SandboxSecrets)
