"""`drills evidence keygen`: makes a signing key, on a person's machine and nowhere else."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from drills.cli.common import Command
from drills.errors import ConfigError, DrillError
from drills.evidence.keys import PASSPHRASE_VARIABLE, Signer, generate_pem, read_signer
from drills.files import whole_or_gone

EXAMPLE = """\
examples:
  drills evidence keygen                         drill.pem, and drill.pub.pem to hand out
  drills evidence keygen -o keys/orders.pem --encrypt
Keep the private key out of version control. A CI runner gets it from its secret store: [evidence] key = "env:NAME".
"""
EXIT_CODES = "exit codes: 0 the key was made; 12 it could not be written; 2 wrong usage"
# set by every common CI service; GITHUB_ACTIONS and GITLAB_CI also where a job has unset CI
RUNNER_VARIABLES = ("CI", "GITHUB_ACTIONS", "GITLAB_CI")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drills evidence keygen`."""
    parser.add_argument(
        "-o", "--output", default="drill.pem", metavar="FILE", help="the private key (default: drill.pem)"
    )
    parser.add_argument(
        "--encrypt", action="store_true", help=f"encrypt the private key with the passphrase in {PASSPHRASE_VARIABLE}"
    )


def run(options: argparse.Namespace) -> int:
    """Write the private key and the public one beside it. Raises ConfigError on a CI runner and where a file is there already."""
    _refuse_runner()
    path = _place(options.output)
    public = path.with_suffix(".pub.pem")
    for each in (path, public):
        if os.path.lexists(each):
            raise ConfigError(
                f"expected no file {each}, found one: a key is never written over; name another with -o, or move it away"
            )
    passphrase = os.environ.get(PASSPHRASE_VARIABLE, "") if options.encrypt else ""
    if options.encrypt and not passphrase:
        raise ConfigError(f"--encrypt: expected a passphrase in {PASSPHRASE_VARIABLE}, found none: set it")
    try:
        _write(path, generate_pem(passphrase), 0o600)
        signer = _write_public(path, public)
    except OSError as error:
        raise DrillError(f"expected to write {error.filename or path}, found: {error.strerror}") from error
    print(f"""\
{path}: the private key. Whoever has it can sign evidence: keep it out of version control, and give it to CI as a secret.
{public}: the public key. Publish it where readers of the evidence find it without the evidence.
fingerprint {signer.fingerprint}
Publish the fingerprint in a second place, such as the plan that the drills are part of. Readers compare it with
openssl pkey -pubin -in {shlex.quote(str(public))} -outform DER | sha256sum""")
    return 0


def _place(given: str) -> Path:
    """Return the file of the private key. ConfigError for what names no file, or the file of a public key."""
    path = Path(given)
    if given == "-":
        found = 'found "-": a key is written to a file, which its owner alone can read, and never to a terminal'
    elif path.name in ("", ".."):
        found = f'found "{given}", a folder: name the file in it, such as {path / "drill.pem"}'
    elif path.name.endswith(".pub.pem"):
        found = f'found "{given}", the name of a public one, which is written beside it: name it without .pub'
    else:
        return path
    raise ConfigError(f"-o: expected a file for the private key, {found}")


def _write_public(path: Path, public: Path) -> Signer:
    """Write the public key of a private one; where that cannot be, the private one does not stay either."""
    try:
        signer = read_signer(str(path), os.environ)
        _write(public, signer.public_pem, 0o644)
    except BaseException:
        path.unlink()
        raise
    return signer


def _refuse_runner() -> None:
    for name in RUNNER_VARIABLES:
        value = os.environ.get(name, "")
        if value.strip().lower() not in ("", "0", "false"):
            raise ConfigError(
                f"expected a person's own machine, found a CI runner ({name}={value}): a key that is made here is lost or "
                'leaked with it; make it elsewhere, keep it in the secret store, and set [evidence] key = "env:NAME"'
            )


def _write(path: Path, text: str, mode: int) -> None:
    """Write a new file with this mode, and never over another."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with whole_or_gone(path), os.fdopen(opened, "w", encoding="ascii") as file:
        file.write(text)


COMMAND = Command(EXAMPLE, add_arguments, run, EXIT_CODES)
