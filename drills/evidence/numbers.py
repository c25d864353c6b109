"""The numbers of a chain whose runs are made on several machines, such as CI runners that begin with an empty folder.

What decides is the store that they share: the newest entry is read there, and a number is taken by writing an object of its own
that nobody can write a second time: `numbers/CHAIN/0042.json`, beside the chain. It holds the start record with what seals it,
so that a run which is killed between the two leaves no gap: whoever comes next writes the start record in its place.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from drills.errors import DrillError, NotSealed
from drills.evidence.check import REVIEWS, STARTS
from drills.evidence.start import START, parse_name
from drills.evidence.sums import SIGNATURE, STAMP, SUMS
from drills.record import RECORD_NAME

if TYPE_CHECKING:
    from drills.evidence.store import Store  # loads botocore, which a run without a store never needs

NUMBERS = "numbers"
_SEALS = (".json.sig", ".json.sig.tsr", ".json")


@dataclass(frozen=True, slots=True)
class SharedChain:
    """The chain of that name in a store. Every method raises NotSealed where the store does not answer."""

    store: Store
    name: str

    @property
    def url(self) -> str:
        """The place of the chain, for people."""
        return f"{self.store.url}/{self.name}"

    def newest(self) -> str:
        """Return the name of the newest entry that is announced or sealed, "" for an empty chain."""
        return max(self._placed(), default=(0, ""))[1]

    def _placed(self) -> list[tuple[int, str]]:
        """Return number and name of each entry that is announced or sealed."""
        starts = self.store.names(f"{self.name}/{STARTS}")  # a record is written after what seals it
        found = {each.removesuffix(".json") for each in starts if each.endswith(".json")}
        return [(place[0], each) for each in found | self.store.names(self.name) if (place := parse_name(each))]

    @contextmanager
    def entries(self, wanted: Callable[[str], bool]) -> Iterator[Path]:
        """Give a folder like that of a chain with the entries of these names: start records, and records of whole bundles."""
        with tempfile.TemporaryDirectory(prefix="drills-chain-") as made:
            folder = Path(made) / self.name
            (folder / STARTS).mkdir(parents=True)
            for name in sorted(each for _, each in self._placed() if wanted(each)):
                self._fetch(folder, f"{STARTS}/{name}.json")
                if self._fetch(folder, f"{name}/{SUMS}"):
                    for file in (RECORD_NAME, START):
                        self._fetch(folder, f"{name}/{file}")
            yield folder

    @contextmanager
    def newest_entry(self) -> Iterator[Path]:
        """Give a folder like that of a chain, with the newest entry alone: its start record, and the list of its bundle."""
        name = self.newest()
        with tempfile.TemporaryDirectory(prefix="drills-chain-") as made:
            folder = Path(made) / self.name
            (folder / STARTS).mkdir(parents=True)
            for end in _SEALS if name else ():
                self._fetch(folder, f"{STARTS}/{name}{end}")
            whole = self._fetch(folder, f"{name}/{SIGNATURE}") or not (folder / STARTS / f"{name}.json.sig").exists()
            if name and whole:
                self._fetch(folder, f"{name}/{SUMS}")
            yield folder

    def _fetch(self, folder: Path, name: str) -> bool:
        data = self.store.get(f"{self.name}/{name}")
        if data is None:
            return False
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
        return True

    def fetch(self, into: Path) -> int:
        """Write what the store has of the chain and the folder `into` lacks below `into`/NAME; return how many files.

        What lies there is neither read nor replaced, and nothing is removed; what another machine puts into the store just now is
        left for the next time. Raises DrillError where the store does not answer, since nothing is to be sealed here, and for a
        name that leads out of the chain.
        """
        folder = into / self.name
        try:
            names = sorted(whole(self.store.files(self.name)), key=_place)
            for name in names:
                if PurePosixPath(name).is_absolute() or not {"", ".", ".."}.isdisjoint(name.split("/")):
                    raise DrillError(
                        f"{self.url}: expected names of files below it, found {name!r}: nothing was fetched"
                    )
            lacking = [name for name in names if not (folder / name).exists()]
            return sum(self._fetch_whole(folder, name) for name in lacking)
        except NotSealed as error:
            raise DrillError(f"expected to fetch the chain {self.name}: {error}") from error

    def _fetch_whole(self, folder: Path, name: str) -> bool:
        """Fetch a file whole or not at all: a fetch that is interrupted is gone on with."""
        content = self.store.get(f"{self.name}/{name}")
        if content is None:
            raise DrillError(f"{self.url}/{name}: expected to fetch what is listed there, found nothing")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # beside the chain, which others read
        with tempfile.NamedTemporaryFile(dir=folder.parent, prefix=".fetching-") as half:
            half.write(content)
            half.flush()
            try:
                os.link(half.name, path)
            except FileExistsError:  # another process fetched it, or sealed it here, meanwhile
                return False
        return True

    def claim(self, sequence: int, files: Mapping[str, bytes]) -> bool:
        """Take a number for a start record with its seals, and announce it; False where another run has the number.

        Then the other's is announced: its run may have been killed before it could do that.
        """
        return self._take(f"{sequence:04d}", STARTS, files)

    def claim_review(self, name: str, files: Mapping[str, bytes]) -> bool:
        """Take the name of a review for one with its seals, and put it beside the chain, in the same way."""
        return self._take(name, REVIEWS, files)

    def _take(self, what: str, folder: str, files: Mapping[str, bytes]) -> bool:
        claim = f"{NUMBERS}/{self.name}/{what}.json"
        wanted = json.dumps({name: base64.b64encode(data).decode() for name, data in files.items()}).encode()
        kept = self.store.claim(claim, wanted)
        for name, data in self._files_of(kept, claim):  # the record after what seals it
            self.store.put(f"{self.name}/{folder}/{name}", data)
        return kept == wanted

    def _files_of(self, kept: bytes, claim: str) -> list[tuple[str, bytes]]:
        try:
            found = [(str(name), base64.b64decode(data, validate=True)) for name, data in json.loads(kept).items()]
        except (ValueError, AttributeError, TypeError, binascii.Error):
            found = []
        names = {name: name.partition(".json") for name, _ in found}
        if not found or any(not parse_name(stem) or dot + end not in _SEALS for stem, dot, end in names.values()):
            raise NotSealed(
                f"{self.store.url}/{claim}: expected the start record that has this number, found another file"
            )
        return found


def whole(names: Iterable[str]) -> frozenset[str]:
    """Return which of the files of a chain are those of entries that were written to their end, as far as names say it.

    A record is written after what seals it, the list of a bundle after its files, and the list's signature last of all.
    """
    there = frozenset(names)
    return frozenset(name for name in there if _end_of(name, there) in there)


def _end_of(name: str, there: frozenset[str]) -> str:
    """Return the file that is written last of those that a file belongs to."""
    folder, _, rest = name.partition("/")
    if folder in (STARTS, REVIEWS):
        return f"{folder}/{rest.partition('.json')[0]}.json" if rest.endswith(_SEALS) else name
    if not parse_name(folder):
        return name
    return f"{folder}/{SIGNATURE if f'{STARTS}/{folder}.json.sig' in there else SUMS}"


def _place(name: str) -> tuple[int, str]:
    """Return by what files are fetched one after another: each is there before what says that it is."""
    folder, _, rest = name.partition("/")
    last = rest in (SUMS, STAMP, SIGNATURE) or (folder in (STARTS, REVIEWS) and rest.endswith(".json"))
    return (2 * (folder not in (STARTS, REVIEWS)) + last, name)
