"""`drills sandbox up / down / status`: the local AWS on its own, for any AWS client.

Loads little: a sandbox answers within two seconds of `up`, and much of that is reading Python modules.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Any

import psutil

from drills.cli.common import Command, help_texts, word_or_folder
from drills.clock import SystemClock, since_process_start, wait_until
from drills.errors import COULD_NOT_RUN, LEFT_BEHIND, ConfigError, DrillError, SandboxError
from drills.model.servers import POSTGRES_CHOICES
from drills.sandbox.postgres.leftovers import remove_leftovers
from drills.sandbox.standalone.files import SandboxFiles, State, remove_remains
from drills.sandbox.standalone.interrupts import interruptible
from drills.sandbox.standalone.users import refuse_while_used

if TYPE_CHECKING:
    from drills.cli.sandbox_sample import Sample

_EXIT_CODES = """\
exit codes: 0 done, or it runs; 12 it could not start, or does not run (status); 13 something is still there (down);
2 wrong usage"""
_ALL = """\
examples:
  eval "$(drills sandbox up)"                start it; this shell's AWS clients use it from then on
  aws rds describe-db-instances              … such as this one
  drills sandbox status                      where it is, and which instances it has
  drills sandbox down                        end it and everything that it started
"""
_UP = """\
examples:
  eval "$(drills sandbox up)"                start it, if it does not run, and use it in this shell
  drills sandbox up --json                   the same facts for a program
  drills sandbox up --foreground             stay until Ctrl-C, then end it
  drills sandbox up --sample                 with an instance, its backups and a service: for posture, backup and cutover
  drills sandbox up --delays aws             as slow as AWS: minutes for each status
  drills sandbox up --sample --targets 5     five sources, to drill as a fleet
  drills sandbox up --name two               a second one beside the first
  drills sandbox up --port 4566 --postgres bundled-18 --delays '{"creating": 30, "backup-job": 60}'
"""
_DOWN = """\
examples:
  drills sandbox down
  drills sandbox down --name two
"""
_STATUS = """\
examples:
  drills sandbox status
  drills sandbox status --json | jq -r .endpoint
"""
# seconds, on a machine that is busy; nothing that it does at length keeps it from saying that it is there
_ANSWERS_WITHIN = 15.0
_END_WITHIN = 90.0  # seconds: the server's own clean-up has 60
_CLOCK = SystemClock()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add up, down and status to the parser of `drills sandbox`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    up = actions.add_parser("up", **help_texts("start the sandbox, and return once it answers", _UP, _EXIT_CODES))
    down = actions.add_parser("down", **help_texts("end it and all that it started", _DOWN, _EXIT_CODES))
    status = actions.add_parser("status", **help_texts("say whether it runs, and what is in it", _STATUS, _EXIT_CODES))
    up.add_argument("--port", metavar="N", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    which = f"{', '.join(POSTGRES_CHOICES)} or a folder"
    up.add_argument("--postgres", metavar="WHICH", type=word_or_folder, help=which)
    up.add_argument("--delays", metavar="JSON", help="least seconds that a status lasts, by status; or aws")
    up.add_argument("--sample", action="store_true", help="fill it: a source with data, a backup, a plan and a service")
    up.add_argument("--targets", metavar="N", type=int, help="with --sample: so many sources, to drill as a fleet")
    up.add_argument("--foreground", action="store_true", help="stay until INT or TERM, then end it")
    for each in (up, down, status):
        each.add_argument("--name", default="default", help="which one, when there are several in this checkout")
        each.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(options: argparse.Namespace) -> int:
    """Carry out one of the three; the exit code. Raises DrillError."""
    files = SandboxFiles(options.name)
    if options.action == "up":
        return _up(files, options)
    if options.action == "down":
        return _down(files, as_json=options.json)
    return _status(files, as_json=options.json)


# -- up ----------------------------------------------------------------------------------------------------------------


def _up(files: SandboxFiles, options: argparse.Namespace) -> int:
    arguments = _server_arguments(options)
    with contextlib.ExitStack() as stack:
        stack.enter_context(files.locked())
        running = _running(files)
        _remove_leftovers()
        if running is None and options.foreground:
            return _run_in_foreground(files, arguments, stack, as_json=options.json)
        state = running or _start(files, arguments)
        sample = _sample(files, state, options.targets, started=running is None) if options.sample else None
    if options.foreground:
        raise SandboxError(
            f"expected no sandbox here to stay with, found one at {state.ready['endpoint']}; run {_next_command(state, 'down')} "
            "first, or choose another --name"
        )
    _show(state, started=running is None, as_json=options.json, sample=sample)
    return 0


def _remove_leftovers() -> None:
    """Remove what other runs and sandboxes have left whose processes were killed; standard output is for a shell or a program."""
    for line in remove_leftovers():
        print(line, file=sys.stderr, flush=True)


def _sample(files: SandboxFiles, state: State, targets: int | None, *, started: bool) -> Sample:
    """Return the sample, which is made where it is not there yet; a sandbox that was started for it ends when that fails."""
    from drills.cli.sandbox_sample import fill, find

    if made := find(files.sample, targets):
        return made
    print("Making the sample: an instance with data, a backup, a plan and a service …", file=sys.stderr, flush=True)
    try:
        with interruptible("the sandbox has been ended" if started else "a part of the sample is in the sandbox"):
            return fill(files.sample, state.ready, targets or 1)
    except BaseException:
        if started:
            _end(files, state)
        raise


def _server_arguments(options: argparse.Namespace) -> list[str]:
    if options.sample and options.foreground:
        raise ConfigError("expected --sample or --foreground, found both; start it, then fill it with `up --sample`")
    if options.targets is not None:
        from drills.cli.sandbox_sample import check_targets

        check_targets(options.targets, sampled=options.sample)
    if not 0 <= options.port <= 65535:
        raise ConfigError(f"--port: expected 0 to 65535, found {options.port}; leave it out to have one chosen")
    arguments = ["--port", str(options.port)]
    arguments += ["--postgres", options.postgres] if options.postgres else []
    return [*arguments, *(["--delays", options.delays] if options.delays else [])]


def _running(files: SandboxFiles) -> State | None:
    """Return the sandbox that runs and answers; one that does not is ended, and what is left of a killed one removed."""
    state = files.read()
    if state is None:
        return None
    if state.keeper.find() and not state.ready:  # an `up` that was killed has left it starting
        with contextlib.suppress(TimeoutError):
            state = wait_until(lambda: _settled(files), _END_WITHIN, _CLOCK, every=0.05, what="the sandbox")
    if state.keeper.find() and state.ready and _health(state) is not None:
        return state
    if state.server and (server := state.server.find()):  # it would not hear that it shall end
        with contextlib.suppress(psutil.Error):
            server.kill()
    _end(files, state)
    return None


def _settled(files: SandboxFiles) -> State | None:
    state = files.read()
    return state if state and (state.ready or not state.keeper.find()) else None


def _start(files: SandboxFiles, arguments: list[str]) -> State:
    """Start a keeper in a session of its own and wait for what its sandbox says. Raises SandboxError with its words."""
    from drills.sandbox.standalone.keeper import begin

    with files.write_errors():
        handle = os.open(files.log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    keeper = None
    with open(handle, "wb") as log, interruptible() as interrupts:
        try:
            with interrupts.deferred():
                keeper = begin(files.name, arguments, log)
            assert keeper.stdout
            with keeper.stdout:
                line = keeper.stdout.readline()
            facts = json.loads(line or '{"error": "the sandbox ended before it answered"}')
        except BaseException:
            if keeper is not None:
                keeper.terminate()
                keeper.wait()
            raise
    state = files.read()
    if "error" in facts or state is None:
        keeper.wait()
        files.remove()
        raise StartFailed(str(facts.get("error", "the sandbox ended as soon as it answered")), facts.get("exit_code"))
    keeper.returncode = 0  # it goes on without us, and Popen shall not complain of that
    return state


class StartFailed(SandboxError):
    """The sandbox's own sentence and exit code."""

    def __init__(self, sentence: str, code: int | None) -> None:
        super().__init__(sentence)
        self.exit_code = code or COULD_NOT_RUN


def _run_in_foreground(files: SandboxFiles, arguments: list[str], stack: contextlib.ExitStack, *, as_json: bool) -> int:
    """Run as the keeper: hold the lock until the sandbox answers, and stay until a signal or its end."""
    from drills.sandbox.postgres.binaries import server_user
    from drills.sandbox.standalone.keeper import Keeper

    failed: list[StartFailed] = []

    def say(facts: dict[str, Any]) -> None:
        stack.close()
        if "error" in facts:
            failed.append(StartFailed(facts["error"], facts.get("exit_code")))
        else:
            _show(keeper.state, started=True, as_json=as_json, staying=True)

    keeper = Keeper(files, arguments, server_user())
    code = keeper.keep(say)
    if failed:
        raise failed[0]
    return code


def environment(ready: dict[str, Any]) -> dict[str, str]:
    """Return the variables that any AWS client, and libpq, needs to use the sandbox. Raises SandboxError."""
    from drills.sandbox_client import find_keys

    keys = find_keys(ready["endpoint"])
    return {
        "AWS_ENDPOINT_URL": ready["endpoint"],
        "AWS_REGION": ready["region"],
        "AWS_DEFAULT_REGION": ready["region"],
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "PGSSLROOTCERT": ready["ca"],
    }


def _show(state: State, *, started: bool, as_json: bool, staying: bool = False, sample: Sample | None = None) -> None:
    """Print the facts as JSON, or the environment for `eval`, with a summary on standard error."""
    commands = sample.commands(_program()) if sample else []
    if as_json:
        more = {"sample": {"config": str(sample.config), "commands": commands}} if sample else {}
        return _print_json({**_facts(state), "started": started, **more})
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment(state.ready).items()]
    # all or nothing: a shell that evaluates the first line alone talks to an account
    print("\n".join(("unset AWS_PROFILE AWS_SESSION_TOKEN", *exports)), flush=True)
    servers = ", ".join(dict.fromkeys(each["version"] for each in state.ready["postgres"]))
    took = f" after {since_process_start():.1f} s" if started else ""
    first = f"The sandbox {'answers' if started else 'runs already, and answers'} at {state.ready['endpoint']}{took}"
    use = f'Use it here: eval "$({_next_command(state, "up")})"   End it: {_next_command(state, "down")}'
    then = "Ctrl-C ends it." if staying else use
    apart = "\n" if sys.stdout.isatty() else ""
    print(f"{apart}{first} (PostgreSQL {servers}).\n{then}", file=sys.stderr, flush=True)
    if sample:
        first = f"The sample is in it. {sample.config} names it; try, in a shell in which that eval was typed:"
        print("\n  ".join((first, *commands)), file=sys.stderr, flush=True)
    return None


def _next_command(state: State, action: str) -> str:
    """Return the command to call next, as this one was called."""
    return f"{_program()} sandbox {action}" + (f" --name {state.name}" if state.name != "default" else "")


def _program() -> str:
    called = sys.argv[0]
    if called == shutil.which("drills"):
        return "drills"
    return "python -m drills" if called.endswith("__main__.py") else called


def _facts(state: State) -> dict[str, Any]:
    return {
        "status": "running",
        "name": state.name,
        **state.ready,
        "environment": environment(state.ready),
        "since": state.since,
        "processes": {"keeper": state.keeper.pid, "server": state.server.pid if state.server else None},
    }


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, indent=2), flush=True)


# -- down --------------------------------------------------------------------------------------------------------------


def _down(files: SandboxFiles, *, as_json: bool) -> int:
    state = None
    if files.folder.exists():
        with files.locked():
            state = files.read()
            ran = state is not None and state.keeper.find() is not None
            if state is not None and ran:
                refuse_while_used(state.ready.get("endpoint", ""))
            if state is not None:
                _end(files, state)
            files.remove()
    _remove_leftovers()
    if as_json:
        _print_json({"status": "stopped", "name": files.name, "was_running": state is not None and ran})
    elif state is None:
        print("No sandbox runs here.")
    else:
        print("The sandbox has ended." if ran else "A sandbox that had been killed is now cleared away.")
    return 0


def _end(files: SandboxFiles, state: State) -> None:
    """Ask the keeper to end its sandbox, wait, and clear away what is left. Raises SandboxError when something stays."""
    if keeper := state.keeper.find():
        with contextlib.suppress(psutil.Error):
            keeper.terminate()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: state.keeper.find() is None, _END_WITHIN, _CLOCK, every=0.02, what="the keeper")
    state = files.read() or state  # it may have started more meanwhile
    if left := remove_remains(state):
        raise StartFailed(
            f"expected to end the sandbox, but {' and '.join(left)} withstood; end that by hand", LEFT_BEHIND
        )
    files.remove()


# -- status ------------------------------------------------------------------------------------------------------------


def _health(state: State) -> dict[str, Any] | None:
    """Return the sandbox's health, None when it does not answer."""
    from drills.sandbox_client import SandboxControl

    try:
        return SandboxControl(state.ready["endpoint"]).health(timeout=_ANSWERS_WITHIN)
    except DrillError:
        return None


def _status(files: SandboxFiles, *, as_json: bool) -> int:
    state = files.read()
    answers = state and state.ready and not state.ending and state.keeper.find()
    health = _health(state) if state and answers else None
    if state is None or health is None:
        word, sentence = _not_running(files, state)
        if as_json:
            _print_json({"status": word, "name": files.name})
        else:
            print(sentence)
        return COULD_NOT_RUN
    facts = {**_facts(state), "instances": _instances(state, health), "memory_bytes": state.memory()}
    if as_json:
        _print_json(facts)
    else:
        from drills.sandbox.standalone.status import show_status

        show_status(facts, _CLOCK.now())
    return 0


def _not_running(files: SandboxFiles, state: State | None) -> tuple[str, str]:
    runs = state is not None and state.keeper.find() is not None
    now = files.read() if state else None  # after that: one that ended in order meanwhile has left none
    if state and not runs and now == state:
        return "killed", f"The sandbox was killed. {_next_command(state, 'down')} clears away what is left of it."
    if now is None or not runs:
        ended = f" The last one ended by itself; its log is {files.log_path}." if files.log_path.exists() else ""
        return (
            "stopped",
            f"No sandbox runs here.{ended} {_program()} sandbox up starts one, with --sample one that is not empty.",
        )
    if now.ending:
        return "ending", f"The sandbox is being ended. {_next_command(now, 'up')} waits for that, and starts another."
    if not now.ready:
        return "starting", "The sandbox is starting."
    return "not answering", f"The sandbox runs and does not answer. {_next_command(now, 'up')} starts it afresh."


def _instances(state: State, health: dict[str, Any]) -> list[dict[str, Any]]:
    from drills.sandbox_client import SandboxControl

    control, found = SandboxControl(state.ready["endpoint"]), []
    for name in health["instances"]:
        with contextlib.suppress(DrillError):  # deleted meanwhile
            known = control.instance(name)
            found.append({key: known.get(key) for key in ("id", "status", "endpoint", "reason")})
    return found


COMMAND = Command(_ALL, add_arguments, run, _EXIT_CODES)
