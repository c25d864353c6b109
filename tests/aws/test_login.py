"""Mistakes before AWS is asked: each is one sentence with what to type next, by every command, and no helper's output is shown."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import pytest

from drills.aws.login import one_sentence
from drills.aws.session import open_clients
from drills.cli import main as cli
from drills.errors import ConfigError, DrillError
from tests.support.guarded import LIVE, live, own_environment

__all__ = ["own_environment"]
SECRET = "hunter-of-the-test"
ROLE = "role_arn = arn:aws:iam::000000000000:role/drill"
HELPER = f"{sys.executable} -c \"import sys; sys.stderr.write('{SECRET}'); print('{SECRET}'); sys.exit({{}})\""
NEXT = "name a profile that is there"
# by the files' text and AWS_PROFILE: the exit code, and words of the sentence
MISTAKES = {
    "no such profile": ("", "nope", 2, ("(nope)", NEXT)),
    "a file that is none": ("[default\nx", None, 2, ("config file", NEXT)),
    "a source that is missing": (f"[default]\n{ROLE}\nsource_profile = gone\n", None, 2, ("gone", NEXT)),
    "a circle": (f"[default]\n{ROLE}\nsource_profile = a\n[profile a]\n{ROLE}\nsource_profile = a2\n"
                 f"[profile a2]\n{ROLE}\nsource_profile = a\n", None, 2, (NEXT,)),
    "half a key": ("[default]\naws_access_key_id = AK\n", None, 2, (NEXT,)),
    "a helper that fails": (f"[default]\ncredential_process = {HELPER.format(3)}\n", None, 12, ("not shown", "aws sso login")),
    "a helper that writes no JSON": (f"[default]\ncredential_process = {HELPER.format(0)}\n", None, 12, ("not shown",)),
    "a helper that is missing": ("[default]\ncredential_process = /no/such/helper\n", None, 12, ("could not be started",)),
    "a helper behind a role": (f"[default]\n{ROLE}\nsource_profile = a\n[profile a]\ncredential_process = {HELPER.format(3)}\n",
                               None, 12, ("not shown",)),
}  # fmt: skip


@pytest.fixture
def mistaken(tmp_path: Path, own_environment: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A project on the `aws` profile, with the AWS configuration files of one mistake."""
    text, profile, _, _ = MISTAKES[request.param]
    (tmp_path / "config").write_text(text)
    own_environment.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    own_environment.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    own_environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    if profile:
        own_environment.setenv("AWS_PROFILE", profile)
    live(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("mistaken", "mistake"), [(name, name) for name in MISTAKES], indirect=["mistaken"])
@pytest.mark.parametrize("command", ["posture", "preflight", "sweep", "backup", "validate"])
def test_a_mistake_of_the_client_is_one_sentence(
    mistaken: Path, mistake: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the table of remedies, with 2 for the configuration and 12 for a login that failed."""
    _, _, code, words = MISTAKES[mistake]
    more = {"backup": ["--retain", "7d"], "validate": ["--restore-job", "a-job"]}.get(command, [])
    status = cli.main([command, *more, "--config", str(mistaken / "drill.toml"), "--profile", "live"])
    said = capsys.readouterr()
    assert status == code, said.err
    assert len(said.err.splitlines()) == 1
    assert not [word for word in words if word not in said.err]
    assert SECRET not in said.out + said.err


@pytest.mark.parametrize("mistaken", ["a helper that fails"], indirect=True)
def test_no_frame_holds_what_a_helper_wrote(mistaken: Path) -> None:
    """Nor do the causes of the error, which a traceback with variables shows."""
    with pytest.raises(DrillError) as raised:
        open_clients(live(mistaken).profile, environment=os.environ)
    shown = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert SECRET not in shown.replace(str(LIVE), "")


def test_a_setting_that_is_no_number_is_of_the_configuration() -> None:
    """botocore converts some of its variables, and says so with an error of Python's own."""
    with pytest.raises(ConfigError, match="AWS_"), one_sentence():
        int("many")
