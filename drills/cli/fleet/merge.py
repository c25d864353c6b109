"""`drills report merge`: one fleet out of what its shares left on several machines, and its scorecard."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from drills import __version__, work_folder
from drills.cli.common import folder_to_write
from drills.cli.fleet import going_on, union
from drills.cli.fleet.backed import Left, backed
from drills.clock import SystemClock
from drills.errors import COULD_NOT_RUN, VERIFICATION_FAILED, ConfigError, DrillError
from drills.evidence.chain import sequence_of
from drills.evidence.check import is_chain
from drills.evidence.folder import entries_in
from drills.fleet import merge, score
from drills.fleet import record as records
from drills.fleet.record import FLEET_NAME, FleetRecord
from drills.printable import printable
from drills.record import RECORD_NAME, new_run_id
from drills.screen import Screen
from reports import allure_render, words
from reports.fleet import allure, show
from reports.write import append_step_summary

NAME = "merge"
_FLEETS = f"fleet-*/{FLEET_NAME}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `drills report merge`."""
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="FOLDER",
        help=f'with "{NAME}": the reports/ that each share of a fleet left, or a folder of them',
    )


def run(options: argparse.Namespace) -> int:
    """Join the folders into another and show the fleet's scorecard; the exit code is the fleet's. Raises DrillError."""
    if not options.folders or options.output is None:
        raise ConfigError(
            "merge: expected the folders of the shares and -o FOLDER: drills report merge one two -o merged"
        )
    into = folder_to_write("--output", options.output)
    folders = [each for given in options.folders for each in _reports_in(Path(given))]
    going_on.refuse(folders)
    shares, passed_over = _shares(folders, into), _passed_over(folders)
    now = SystemClock().now()
    fleet = merge.merged(shares, f"fleet-{new_run_id(now)}", __version__, now)
    try:
        joint = union.plan(folders, into)
        going_on.refuse(folders)  # what began while the files were listed
        union.write(joint, into)
        fleet = _with_chains(fleet, into)
        folder = into / "out" / fleet.fleet_id
        folder.mkdir(parents=True)
        records.save(folder, fleet)
        show.write(folder, fleet)
        append_step_summary(show.markdown(fleet))
        said = _allure(fleet, folder)
    except (OSError, TimeoutError) as error:
        raise DrillError(
            f"expected to write the fleet into {into}, found: {error}: name a folder that can be written to with -o"
        ) from error
    if options.json:
        print(records.to_json(fleet), end="")
    else:
        console = Screen()
        show.terminal(fleet, folder, console)
        console.print(said, soft_wrap=True, markup=False, highlight=False)
    for each in passed_over:
        print(printable(each), file=sys.stderr)
    return COULD_NOT_RUN if fleet.code is None else fleet.code


def is_fleet(folder: Path) -> bool:
    """Return whether the folder is that of a fleet."""
    return (folder / FLEET_NAME).is_file()


def show_again(folder: Path) -> int:
    """Write and show the scorecard of a fleet again, from its record; 0, whatever the fleet came to. Raises DrillError."""
    held = work_folder.is_held(folder / "members")  # asked first: a fleet that ends meanwhile has its end in its record
    fleet = read = records.load(folder)
    left = Left((folder.absolute().parent.parent,))
    goes_on = fleet.code is None and held
    checked = backed(fleet, folder, left, goes_on=goes_on)
    fleet = checked if goes_on else _judged(fleet, checked)
    try:
        show.write(folder, fleet)
    except OSError as error:
        raise DrillError(f"expected to write the scorecard into {folder}, found: {error.strerror}") from error
    # else its own last scorecard may have been replaced by one from before
    if goes_on and records.load(folder) != read:
        return show_again(folder)
    show.terminal(fleet, folder, Screen(), again=True)
    return 0


def _judged(fleet: FleetRecord, checked: FleetRecord) -> FleetRecord:
    """Return the fleet with the exit codes that its rows give now, beside those that it had as a whole.

    It had 12 of a drill that went on elsewhere for no longer than that.
    """
    judged = score.judged(checked, fleet.targets if not fleet.shard else ())
    why = {each.outcome for each in fleet.members if COULD_NOT_RUN in each.all_codes}
    waited = why == {score.GOES_ON} and not fleet.problems
    had = [code for code in fleet.all_codes if code != COULD_NOT_RUN or not waited]
    codes = score.in_order([*had, *judged.all_codes])
    return dataclasses.replace(judged, code=codes[0], all_codes=codes)


def _reports_in(given: Path) -> list[Path]:
    """Return the folders that hold runs: of the one that was given, else of each in it. Raises ConfigError.

    What in it holds no fleet is passed over: a share that left nothing is counted by what the others say of it.
    """
    found = _reports_of(given) or [share for each in sorted(given.glob("*/")) for share in _reports_of(each)]
    if not found:
        raise ConfigError(
            f"expected the reports/ of a fleet, or a folder with those of its shares, found no {FLEET_NAME} in "
            f"{given / 'out'}/fleet-… and none a folder deeper: drills run --all writes it"
        )
    return found


def _reports_of(given: Path) -> list[Path]:
    """Return the folder that holds runs, itself or reports/ in it; none where there is none."""
    return [folder for folder in (given, given / "reports") if any((folder / "out").glob(_FLEETS))][:1]


def _newest(folder: Path) -> Path:
    """Return the folder of the newest fleet below reports/."""
    return max((folder / "out").glob(_FLEETS), key=lambda path: path.parent.name).parent


def _passed_over(folders: Sequence[Path]) -> list[str]:
    """Return a sentence for each folder with fleets before its newest, which alone is in the scorecard."""
    said = []
    for folder in folders:
        newest, *earlier = sorted((path.parent for path in (folder / "out").glob(_FLEETS)), reverse=True)
        if earlier:
            shown = words.show_path(earlier[0])
            said.append(
                f"of {words.show_path(folder)} the scorecard has the newest fleet alone, {newest.name}, and not "
                f"{words.counted(len(earlier), 'earlier one')}: drills report {shown} shows the one before it"
            )
    return said


def _shares(folders: Sequence[Path], into: Path) -> list[FleetRecord]:
    """Return the newest fleet of each folder, each row as its run left it. Raises ConfigError."""
    places = [_newest(folder) for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if len(folders) > 1 and not (place / "members").is_dir():
            raise ConfigError(
                f"expected the folders of shares, found that {folder} is merged already ({place.name}): name the folders of "
                f"all shares, without it, and -o {folder} to add to it"
            )
    return [
        backed(records.load(place), place, Left((folder, *folders, into)))
        for folder, place in zip(folders, places, strict=True)
    ]


def _with_chains(fleet: FleetRecord, into: Path) -> FleetRecord:
    """Return the fleet with what of the joint ledger cannot be: two entries of a chain with one number do not verify."""
    forked = tuple(
        f"{chain.name} has {times} entries with number {number:04d}: two machines drilled its target without a common store"
        for chain in sorted(each for each in (into / "evidence").glob("*") if each.is_dir() and is_chain(each))
        for number, times in _numbers_taken_twice(entries_in(chain))
    )
    codes = score.in_order([*fleet.all_codes, *([VERIFICATION_FAILED] if forked else [])])
    return dataclasses.replace(fleet, problems=(*fleet.problems, *forked), code=codes[0], all_codes=codes)


def _numbers_taken_twice(entries: Sequence[str]) -> Iterator[tuple[int, int]]:
    counted = Counter(map(sequence_of, entries))
    return ((number, times) for number, times in sorted(counted.items()) if times > 1)


def _allure(fleet: FleetRecord, folder: Path) -> str:
    """Collect the Allure results of all runs, and render them; return what is to be said of that."""
    runs = [allure.Results(each.target, folder.parent / each.run_id / "allure-results") for each in fleet.members]
    runs = [each for each in runs if each.folder.is_dir() and (each.folder.parent / RECORD_NAME).is_file()]
    results = folder / "allure-results"
    try:
        number = allure.collect(runs, fleet, results)
    except ValueError as error:
        return f"the Allure results could not be collected: {error}"
    if runs and not number:
        names = ", ".join(each.target for each in runs)
        return f"no Allure report: no run came to its first scenario, by the Allure results that there are, of {names}"
    return allure_render.render(results, folder / "allure-report", group_by="parentSuite,feature")
