"""Passwords do not get into reports."""

from __future__ import annotations

import secrets

import pytest

from reports.redact import MASK, redact


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:{}@db.example:5432/orders",
        "could not reach postgresql://app:{}@localhost/orders?sslmode=require, try again",
        "host=localhost password={} dbname=orders",
        "PASSWORD = '{}'",
        'password="{}"',
        "{{'user': 'app', 'password': '{}'}}",
        '{{"MasterUserPassword": "{}"}}',
        "PGPASSWORD={} psql",
        "aws_secret_access_key = {}",
        "SecretAccessKey: {}",
        "AWS_SESSION_TOKEN={}",
        "alter role app password '{}'",
        "ConnectionInfo(passwd={}, host=x)",
    ],
)
def test_password_is_masked(text: str) -> None:
    """Whatever looks like a password is gone, and its place is marked."""
    word = secrets.token_urlsafe(12)
    cleaned = redact(text.format(word))
    assert word not in cleaned
    assert MASK in cleaned


def test_password_with_an_at_sign_is_masked_whole() -> None:
    """A password in a URL ends at the last @."""
    first, second = secrets.token_hex(4), secrets.token_hex(4)
    cleaned = redact(f"postgresql://app:{first}@{second}@localhost/orders")
    assert first not in cleaned
    assert second not in cleaned
    assert cleaned.endswith("@localhost/orders")


@pytest.mark.parametrize(
    "text",
    [
        "the newest recovery point is 4 m old",
        "http://localhost:4566/health",
        "postgresql://localhost:5432/orders",
        "set the master password: 0.6 s",
        "arn:aws:rds:eu-central-1:123456789012:snapshot:awsbackup:job-1",
        "secret=arn:aws:secretsmanager:eu-central-1:123456789012:secret:drill-x",
        "user@example.org wrote at 10:15",
    ],
)
def test_other_text_stays(text: str) -> None:
    """Text without a password is not touched."""
    assert redact(text) == text
