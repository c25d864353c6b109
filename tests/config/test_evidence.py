"""`[evidence]` of drill.toml: who signs and where it goes, for all profiles and for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.config.load import Config, load
from drills.errors import ConfigError

KMS = "arn:aws:kms:eu-central-1:000000000000:key/11112222-3333-4444-5555-666677778888"


def read(folder: Path, text: str, profile: str | None = None) -> Config:
    """The effective configuration of a file with this text."""
    (folder / "drill.toml").write_text(text)
    return load(folder / "drill.toml", profile=profile, target=None, environment={})


def test_without_a_word_evidence_goes_to_a_folder_unsigned(tmp_path: Path) -> None:
    """A first drill needs no key and no file."""
    evidence = read(tmp_path, "").evidence

    assert (evidence.folder, evidence.key, evidence.store) == ("reports/evidence", None, None)


def test_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    """A key is found wherever the command is called; what is no path stays as it is."""
    text = '[evidence]\nfolder = "kept"\nkey = "drill.pem"\npublic_key = "keys/pub.pem"\nstore = "share"'
    evidence = read(tmp_path, text).evidence

    assert [evidence.folder, evidence.key, evidence.public_key, evidence.store] == [
        str(tmp_path / each) for each in ("kept", "drill.pem", "keys/pub.pem", "share")
    ]
    for key in ("env:DRILL_EVIDENCE_KEY", KMS):
        assert read(tmp_path, f'[evidence]\nkey = "{key}"').evidence.key == key
    assert read(tmp_path, '[evidence]\nstore = "s3://evidence/drills/"').evidence.store == "s3://evidence/drills"


def test_a_profile_has_keys_of_its_own(tmp_path: Path) -> None:
    """Its keys go before those of all profiles, one by one; other profiles keep theirs."""
    text = f'[evidence]\nkey = "a.pem"\nfolder = "kept"\n[profiles.sandbox.evidence]\nkey = "{KMS}"'

    assert read(tmp_path, text).evidence.key == KMS
    assert read(tmp_path, text).evidence.folder == str(tmp_path / "kept")
    assert read(tmp_path, text, "endpoint").evidence.key == str(tmp_path / "a.pem")


def test_the_settings_say_where_each_value_came_from(tmp_path: Path) -> None:
    """A report shows who was to sign, and whether that was said in the file."""
    text = '[evidence]\nkey = "env:ORDERS_KEY"\n[profiles.sandbox.evidence]\nfolder = "/kept"'
    settings = {each.name: (each.value, each.origin) for each in read(tmp_path, text).settings}

    name = str(tmp_path / "drill.toml")
    assert settings["evidence.key"] == ("env:ORDERS_KEY", name)
    assert settings["evidence.folder"] == ("/kept", name)
    assert "evidence.store" not in settings
    told = {each.name: each.origin for each in read(tmp_path, "").settings}
    assert told["evidence.folder"] == "default"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('key = "env:lower"', 'evidence.key: expected "env:" and the NAME of an environment variable'),
        ('key = "arn:aws:kms:eu-central-1:000000000000:alias/a"', "an alias can be moved"),
        ('key = "-----BEGIN PRIVATE KEY----- SECRET"', "and never the key itself"),
        ('timestamp_url = "https://tsa.example"', "expected key beside timestamp_url"),
        ('timestamp_url = "https://me:pw@tsa.example"', "no secret belongs in this file"),
        ('store = "gs://bucket"', 'expected a folder, or a bucket and a prefix such as "s3://evidence/drills"'),
        ('store = "s3://Bad_Bucket"', "expected a folder, or a bucket"),
        ('lock = "governance"', "expected lock and retain together"),
        ('lock = "governance"\nretain = "1d"', 'expected store = "s3://…" beside lock'),
        ('lock = "legal"\nretain = "1d"\nstore = "s3://evidence"', 'expected "governance" or "compliance"'),
        ('lock = "governance"\nretain = "1h"\nstore = "s3://evidence"', "a retention of at least 1d"),
        ('keys = "a"', 'unknown key; did you mean "key"?'),
    ],
)
@pytest.mark.parametrize("table", ["evidence", "profiles.aws.evidence"])
def test_what_cannot_be_is_refused(tmp_path: Path, table: str, line: str, sentence: str) -> None:
    """File, table and key are named, in every profile and not the chosen one alone; no secret is repeated."""
    with pytest.raises(ConfigError, match=table) as caught:
        read(tmp_path, f"[{table}]\n{line}")
    assert sentence.removeprefix("evidence.key: ") in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_a_store_for_all_can_be_locked_for_one_profile(tmp_path: Path) -> None:
    """What belongs together may stand in both tables."""
    text = (
        '[evidence]\nstore = "s3://evidence"\n[profiles.aws]\naccounts = ["000000000000"]\nregions = ["eu-central-1"]\n'
        '[profiles.aws.evidence]\nlock = "compliance"\nretain = "2555d"'
    )

    assert read(tmp_path, text, "aws").evidence.lock == "compliance"
    assert read(tmp_path, text).evidence.lock is None


@pytest.mark.parametrize("text", ["evidence = 1", "[profiles.aws]\nevidence = 1"])
def test_a_table_is_a_table(tmp_path: Path, text: str) -> None:
    """Something else in its place is one sentence."""
    with pytest.raises(ConfigError, match="evidence: expected a table, found 1"):
        read(tmp_path, text)
