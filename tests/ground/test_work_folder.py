"""A work folder is abandoned when its owner's lock is free, and for no other reason."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drills import work_folder
from drills.files import try_lock
from tests.support.paths import CHECKOUT

HOLDS = (
    "import sys; from pathlib import Path; from drills import work_folder; held = work_folder.hold(Path(sys.argv[1])); "
)


def left(folder: Path) -> Path:
    """A folder whose owner has ended."""
    folder.mkdir(mode=0o700)
    os.close(work_folder.hold(folder))
    return folder


def test_the_end_of_its_owner_abandons_a_folder(tmp_path: Path) -> None:
    """By KILL too, and not before."""
    folder = tmp_path / "drills-a1b2-1"
    folder.mkdir(mode=0o700)
    command = [sys.executable, "-c", HOLDS + "print(flush=True); sys.stdin.read()", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT) as owner:
        assert owner.stdout
        owner.stdout.readline()
        assert list(work_folder.abandoned([tmp_path])) == []
        owner.kill()
        owner.wait()

    assert list(work_folder.abandoned([tmp_path])) == [folder]
    assert not work_folder.is_used(folder)


def test_whoever_asks_for_its_owner_is_not_taken_for_one(tmp_path: Path) -> None:
    """Two commands that look at once find the same, while it has an owner and afterwards."""
    folder = left(tmp_path / "drills-a1b2-1")
    with (folder / work_folder.OWNER).open() as asking:
        assert try_lock(asking.fileno(), shared=True)
        assert not work_folder.is_held(folder)
    with (folder / work_folder.OWNER).open() as owner:
        assert try_lock(owner.fileno())
        assert work_folder.is_held(folder)


def test_one_process_alone_gets_an_abandoned_folder(tmp_path: Path) -> None:
    """Two that sweep at once are not in each other's way."""
    folder = left(tmp_path / "drills-a1b2-1")

    for found in work_folder.abandoned([tmp_path]):
        assert found == folder
        assert list(work_folder.abandoned([tmp_path])) == []
    assert list(work_folder.abandoned([tmp_path])) == [folder]


def _without_mark(place: Path) -> None:
    (place / "drills-old").mkdir(mode=0o700)
    os.utime(place / "drills-old", (0, 0))


def _other_name(place: Path) -> None:
    left(place / "other")


def _link(place: Path) -> None:
    (place / "drills-link").symlink_to(left(place / "other"))


def _linked_mark(place: Path) -> None:
    (place / "drills-a").mkdir(mode=0o700)
    (place / "drills-a" / work_folder.OWNER).symlink_to(left(place / "other") / work_folder.OWNER)


def _pipe(place: Path) -> None:
    (place / "drills-a").mkdir(mode=0o700)
    os.mkfifo(place / "drills-a" / work_folder.OWNER)


def _open_to_others(place: Path) -> None:
    left(place / "drills-a").chmod(0o777)


def _file(place: Path) -> None:
    (place / "drills-a").touch()


@pytest.mark.parametrize("make", [_without_mark, _other_name, _link, _linked_mark, _pipe, _open_to_others, _file])
def test_what_is_not_known_to_be_abandoned_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Neither age nor name is a proof, no link is followed, and a mark that others could have set is none."""
    make(tmp_path)

    assert list(work_folder.abandoned([tmp_path, tmp_path / "absent"])) == []


def test_a_folder_of_another_user_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's are not an ordinary user's, and theirs are not root's."""
    left(tmp_path / "drills-a1b2-1")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    assert list(work_folder.abandoned([tmp_path])) == []
