"""On AWS a copy is verified against the certificates of Amazon RDS, and drill.toml cannot say otherwise."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drills.aws.ca_bundle import check_bundle
from drills.errors import Refused
from tests.support.certificates import RDS, root
from tests.support.guarded import LIVE, live

NOW = datetime(2026, 11, 29, tzinfo=UTC)
AMAZON = ("Amazon", "", "Amazon Root CA 1")
OTHER = ("Example Trust", "", "Example Root")


@pytest.mark.parametrize("subjects", [(RDS,), (AMAZON, RDS), (RDS, RDS)])
def test_the_bundle_of_rds_is_taken(tmp_path: Path, subjects: tuple[tuple[str, str, str], ...]) -> None:
    """Alone, and with the authority that Amazon has beside it."""
    effective = live(tmp_path)
    (tmp_path / "rds.pem").write_text("".join(root(*each) for each in subjects))
    check_bundle(effective, NOW)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (root(*RDS) + root(*OTHER), "found 'CN=Example Root,O=Example Trust', who could vouch for any server"),
        (root(*AMAZON), "a certificate of Amazon RDS that holds today, found none"),
        (root(*RDS, days=30), "a certificate of Amazon RDS that holds today, found none"),
        ("not a certificate", "rds.pem: no certificates"),
        (None, "rds.pem: No such file or directory"),
    ],
    ids=["another's", "none of RDS", "expired", "text", "no file"],
)
def test_a_bundle_that_would_weaken_the_verification_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    """With what was found and where the right one is."""
    effective = live(tmp_path)
    path = tmp_path / "rds.pem"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(Refused) as caught:
        check_bundle(effective, NOW)
    assert words in str(caught.value)
    assert "truststore.pki.rds.amazonaws.com" in str(caught.value)


def test_without_a_bundle_nothing_is_connected_to(tmp_path: Path) -> None:
    """The system's own store would trust hundreds of authorities, and has none of RDS's."""
    with pytest.raises(Refused, match=r"expected targets\.orders\.restore\.ca_bundle to name the certificates"):
        check_bundle(live(tmp_path, LIVE.replace('ca_bundle = "rds.pem"', "")), NOW)


def test_other_profiles_have_certificates_of_their_own(tmp_path: Path) -> None:
    """The sandbox makes its authority itself."""
    check_bundle(live(tmp_path, "", profile="sandbox"), NOW)
