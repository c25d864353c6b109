"""What a dry run says of the key that a run would sign with."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.config import load as configuration
from drills.config.load import Config
from drills.errors import ConfigError
from drills.evidence.keeper import try_key
from drills.evidence.keys import generate_pem
from tests.support.evidence import PRIVATE

KMS = "arn:aws:kms:eu-central-1:123456789012:key/0123abcd-0123-4567-89ab-0123456789ab"


def config(folder: Path, evidence: str, kind: str = "aws") -> Config:
    """The configuration of a target whose evidence is kept as these lines say."""
    profiles = '[profiles.aws]\nregions = ["eu-central-1"]\naccounts = ["123456789012"]\n'
    file = folder / "drill.toml"
    file.write_text(
        f'{profiles}[targets.orders]\ninstance = "orders"\n[evidence]\nfolder = "{folder}/evidence"\n{evidence}\n'
    )
    return configuration.load(file, profile=kind, target="orders", environment={"KEY": PRIVATE})


def test_a_run_without_a_key_is_signed_by_nobody(tmp_path: Path) -> None:
    """It is said, not passed over."""
    assert try_key(config(tmp_path, ""), {}) == "by nobody, since [evidence] names no key"


def test_a_key_at_hand_signs_a_trial_and_nothing_is_written(tmp_path: Path) -> None:
    """Its fingerprint is told, so that a reader can hold it against the public key; a key that is not there is refused."""
    named = config(tmp_path, 'key = "env:KEY"')

    assert try_key(named, {"KEY": PRIVATE}).startswith("by env:KEY, which can sign, fingerprint ")
    assert try_key(named, {"KEY": generate_pem()}) != try_key(named, {"KEY": PRIVATE})
    assert not (tmp_path / "evidence").exists()
    with pytest.raises(ConfigError, match="KEY"):
        try_key(named, {})


def test_a_key_of_kms_is_not_asked_by_a_dry_run(tmp_path: Path) -> None:
    """The rights are named that the run needs; in the sandbox, which has no such key, it is refused as the run would be."""
    said = try_key(config(tmp_path, f'key = "{KMS}"'), {})

    assert said == f"by {KMS}, which was not asked: the run needs kms:GetPublicKey and kms:Sign"
    with pytest.raises(ConfigError, match="sandbox"):
        try_key(config(tmp_path, f'key = "{KMS}"', "sandbox"), {})
