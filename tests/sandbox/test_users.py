"""Who works in a sandbox while it is to be ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack

import pytest

from drills.errors import ConfigError
from drills.sandbox.standalone.users import commands_at, refuse_while_used

# nobody else's: other tests run drills against ports that refuse
HERE, THERE = (f"http://127.0.0.1:{port}/{os.getpid()}" for port in (1, 2))
WAIT = "print('begun', flush=True); input()"
FLEET = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {WAIT!r}, "drills", "run", "--member"])
"""


def test_the_commands_that_drill_in_a_sandbox_are_found() -> None:
    """By what `eval` has set for them; a fleet and not its runs, no other sandbox's, and no command that drills nothing."""
    with ExitStack() as stack:

        def begin(program: str, endpoint: str, *words: str) -> int:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program, "drills", *words],
                    env=os.environ | {"AWS_ENDPOINT_URL": endpoint},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            assert process.stdout
            assert process.stdout.readline() == b"begun\n"
            return process.pid

        fleet = begin(FLEET, HERE, "run", "--all")
        begin(WAIT, THERE, "run")
        begin(WAIT, HERE, "sandbox", "status")

        assert commands_at(HERE) == [f"drills run (process {fleet})"]
        with pytest.raises(ConfigError, match=re.escape(f"found drills run (process {fleet}): let it end, or stop it")):
            refuse_while_used(HERE)
    refuse_while_used(HERE)
