"""`python -m drills …`, installed as `drills`."""

from __future__ import annotations

import sys


def main() -> int:
    """Hand the command line on. What a run needs takes half a second to load, and some commands need none of it."""
    if sys.argv[1:2] == ["sandbox"]:
        from drills.sandbox.alone.command import main as sandbox

        return sandbox(sys.argv[2:])
    if sys.argv[1:2] in (["manifest"], ["verify"]):
        from drills.cli_verify import main as verify

        return verify(sys.argv[1:])
    from drills import cli

    return cli.main()


if __name__ == "__main__":
    raise SystemExit(main())
