"""Passwords do not get into reports."""

from __future__ import annotations

import ast
import contextlib
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from drills.aws.remedies import remedies
from drills.cli.database import parse_dsn
from drills.cli.main import main
from drills.errors import ConfigError, DrillError
from drills.redaction import MASK, check_url, hide_arguments, hide_constants, redact, redact_seed, show_address
from drills.run import context
from drills.sandbox.seeds.server import without_password
from tests.support.paths import CHECKOUT


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
        "https://b.s3.amazonaws.com/k?X-Amz-Signature={}&X-Amz-Date=2",
        "https://b.s3.amazonaws.com/k?X-Amz-Security-Token={}",
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
        'the ARN of a secret such as "arn:aws:secretsmanager:eu-central-1:000000000000:secret:NAME"',
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:drill-x-AbC1: expected a secret that can be read",
        "found AccessDenied: the caller needs secretsmanager:GetSecretValue: allow it",
        "is not authorized to perform: secretsmanager:CreateSecret on resource: drill-x",
    ],
)
def test_other_text_stays(text: str) -> None:
    """Text without a password is not touched."""
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:password={}",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x:password={}",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x secret:{}",
        "secretsmanager:GetSecretValue secret={}",
        "secretsmanager:GetSecretValue={}",
        "secretsmanager:{}",
    ],
)
@given(word=st.text("abcXYZ129", min_size=6, max_size=12))
def test_what_stands_beside_the_name_of_a_secret_is_masked(text: str, word: str) -> None:
    """The ARN of a secret and a right of Secrets Manager are names; what follows them as a value is none."""
    assert word not in redact(text.format(word))


def sentences() -> Iterator[tuple[str, str]]:
    """Where each error of the suite is raised, and what it says; X stands for what is filled in."""
    for path in sorted(CHECKOUT.glob("drills/**/*.py")):
        for raised in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for node in ast.walk(raised) if isinstance(raised, ast.Raise) else ():
                parts = node.values if isinstance(node, ast.JoinedStr) else [node]
                texts = [str(each.value) if isinstance(each, ast.Constant) else "X" for each in parts]
                if isinstance(node, ast.JoinedStr | ast.Constant):
                    yield f"{path.relative_to(CHECKOUT)}:{node.lineno}", "".join(texts)
    for remedy in remedies():
        yield remedy.title, remedy.sentence


def test_no_word_of_our_own_sentences_is_taken_for_a_password() -> None:
    """A sentence is masked whole before it is shown: a colon after "password" would cost it the next word."""
    found = list(sentences())

    assert len(found) > 500
    assert [(where, text) for where, text in found if redact(text) != text] == []


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("not ((note <> 'Gehe1mN1s'::text))", "not ((note <> '****'::text))"),
        ("not ((token <> 'open'::text))", "not ((token <> '****'::text))"),
        (
            "not ((state = ANY (ARRAY['new'::text, 'paid'::text])))",
            "not ((state = ANY (ARRAY['new'::text, 'paid'::text])))",
        ),
        (
            "from only shop.\"it's t1\" where (a ~ E'x\\\\y1'::text)",
            "from only shop.\"it's t1\" where (a ~ '****'::text)",
        ),
        (
            "nextval('shop.t1_seq2'::regclass) > to_regclass('t1')",
            "nextval('shop.t1_seq2'::regclass) > to_regclass('t1')",
        ),
    ],
)
def test_constants_of_the_owner_that_may_be_secrets_are_masked(statement: str, shown: str) -> None:
    """As in a catalog: beside a word for one, or a mixture; plain words and names of objects stay, so that it can be read."""
    assert hide_constants(statement) == shown


PASSWORD = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_categories=("Cc", "Cs")), min_size=4, max_size=24
)
AWKWARD = st.text(st.sampled_from("Gehim12/@:#?%&='\"\\ "), min_size=4, max_size=16)


def pieces(password: str, *harmless: str) -> set[str]:
    """Every part of four characters of a password that does not stand in the harmless part of the text as well."""
    found = {password[at : at + 4] for at in range(len(password) - 3)}
    return {each for each in found if not any(each in text for text in harmless)}


@pytest.mark.parametrize(
    "url", ["postgresql://app:{}@db.example:5432/orders", "postgres://{}@db.example/orders?sslmode=require"]
)
@given(password=PASSWORD | AWKWARD)
def test_nothing_of_a_password_in_a_url_is_repeated(url: str, password: str) -> None:
    """Whatever a password holds, no four characters of it stand in an error, in what is shown of the URL, or in a masked text."""
    given_url = url.format(password)
    told = [show_address(given_url), hide_arguments(f"found {given_url!r} and {given_url}", [given_url])]
    told.append(redact_seed(given_url))
    with contextlib.suppress(DrillError):  # what is taken is taken as it was meant
        taken = parse_dsn(SecretStr(given_url)).parameters
        assert taken["host"] == "db.example"
        assert "app:" not in url or taken["password"] == SecretStr(unquote(password))
    acts: list[Callable[[str], object]] = [lambda url: parse_dsn(SecretStr(url)), context.check_seed, without_password]
    for act in acts:
        try:
            act(given_url)
        except DrillError as error:
            told.append(str(error))
            told += [str(error.__cause__)] if error.__cause__ else []
    harmless = [
        str(check_refusal()),
        url,
        "postgresql://****@db.example:5432/orders",
        show_address("x=1"),
        "found '' and ",
    ]
    for text in told:
        assert not [each for each in pieces(password, *harmless) if each in text], text


def check_refusal() -> str:
    """The sentence that refuses a URL, whose own words are no part of a password."""
    with pytest.raises(ConfigError) as refused:
        check_url("postgresql://a:b/c@db.example:5432/orders", "DSN")
    return f"{refused.value} --seed: expected a libpq URL which libpq does not understand"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:Gehe/im123@db.example/orders",
        "postgresql://app:Gehe@im123@db.example/orders",
        "postgresql://app:Gehe%im123@db.example/orders",
        "postgresql://app:Gehe im123@db.example/orders",
        "postgresql://app@db.example/orders?password=Gehe@im123",
    ],
)
def test_a_url_that_is_not_percent_encoded_is_refused(text: str) -> None:
    """A URL that libpq would take apart elsewhere than its writer meant is refused before libpq sees it."""
    with pytest.raises(ConfigError, match="percent-encoded") as refused:
        parse_dsn(SecretStr(text))
    assert refused.value.exit_code == 2
    assert "Gehe" not in str(refused.value)
    assert "im123" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://app:Gehe%2Fim123@db.example/orders",
        "postgresql://app:Gehe:im#12?3@db.example/orders",
        "postgresql:///orders?host=/var/run/postgresql",
        "postgresql://db.example:5432/orders?application_name=a%40b",
        "host=db.example password='Gehe @/im123'",
    ],
)
def test_a_url_that_libpq_reads_as_it_is_meant_is_taken(text: str) -> None:
    """A password that is percent-encoded, or whose characters mean nothing to libpq, is no reason to refuse."""
    assert parse_dsn(SecretStr(text))


@pytest.mark.parametrize("arguments", [
    ["verify", "postgresql://app:Gehe/im123@h/d", "--against", "none.json"],
    ["verify", "host=h password=Gehe im123", "--against", "none.json"],
    ["manifest", "host=h password='Gehe im123"],
    ["manifest", "postgresql://app:Gehe@im123@h/d"],
    ["run", "--seed", "postgresql://app:Gehe/im123@h/d"],
    ["run", "--seed", "psql://app:Gehe/im123@h/d"],
    ["run", "--seed", "host=h password=Geheim123"],
    ["run", "--seed", "app:Gehe/im123@h/d"],
    ["canary", "beat", "postgresql://app:Gehe/im123@h/d"],
    ["posture", "postgresql://app:Gehe/im123@h/d"],
    ["history", "--seed=postgresql://app:Gehe im123@h/d"],
    ["postgresql://app:Gehe/im123@h/d"],
])  # fmt: skip
def test_no_command_repeats_a_password(arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """No part of a password on the command line stands in what a command says when it refuses it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drill.toml").write_text('[targets.a]\ninstance = "a"\nvault = "vault"\n')
    (tmp_path / "none.json").write_text("{}")
    with contextlib.suppress(SystemExit):
        assert main(arguments) == 2
    said = capsys.readouterr()
    assert "Gehe" not in said.out + said.err
    assert "im123" not in said.out + said.err
