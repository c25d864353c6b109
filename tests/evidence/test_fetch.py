"""A chain is fetched from its store as it is, and nothing that lies here is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.errors import DrillError, NotSealed
from drills.evidence.chain_check import verify_chain
from drills.evidence.numbers import SharedChain
from drills.evidence.store import FolderStore
from tests.support.evidence import KEY
from tests.support.ledger import CHAIN, kept


class Listing(FolderStore):
    """A store that lists other names than it has."""

    def __init__(self, *listed: str) -> None:
        super().__init__(Path("listing"))
        self._listed = frozenset(listed)

    def files(self, folder: str) -> frozenset[str]:
        """What a test wants listed."""
        return self._listed


def test_what_was_fetched_verifies_and_is_not_fetched_again(tmp_path: Path) -> None:
    """Into an empty folder, then what came since, then nothing; another chain of the store stays there."""
    share, here = tmp_path / "share", tmp_path / "here"
    kept(share / CHAIN, "a")
    kept(share / "aws-orders", "z")
    store = FolderStore(share)

    assert SharedChain(store, CHAIN).fetch(here) == len(store.files(CHAIN)) > 5
    kept(share / CHAIN, "b")
    (here / CHAIN / "0001-a" / "summary.md").write_text("mine")
    assert SharedChain(store, CHAIN).fetch(here) == 8
    assert SharedChain(store, CHAIN).fetch(here) == 0
    assert [path.name for path in here.iterdir()] == [CHAIN]
    (problem,) = verify_chain(here / CHAIN, KEY)
    assert "summary.md" in problem.sentence
    (here / CHAIN / "0001-a" / "summary.md").unlink()
    SharedChain(store, CHAIN).fetch(here)
    assert verify_chain(here / CHAIN, KEY) == ()


@pytest.mark.parametrize("name", ["../x.json", "/etc/x", "starts/../../x", "starts//x"])
def test_a_name_that_leads_out_of_the_chain_is_refused(tmp_path: Path, name: str) -> None:
    """Whoever may write to the store writes no file elsewhere; nothing at all is fetched then."""
    with pytest.raises(DrillError, match="nothing was fetched"):
        SharedChain(Listing("starts/a.json", name), CHAIN).fetch(tmp_path / "here")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_lacks_what_it_lists_is_a_sentence(tmp_path: Path) -> None:
    """Nothing was sealed or lost here: the check could not be made."""
    with pytest.raises(DrillError, match="listing/sandbox-orders/a: expected to fetch") as raised:
        SharedChain(Listing("a"), CHAIN).fetch(tmp_path / "here")
    assert not isinstance(raised.value, NotSealed)
