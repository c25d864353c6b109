"""The chains of a project fetched from their stores before they are judged, where the machine keeps none of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from drills.config.load import Config
from drills.errors import ConfigError
from drills.evidence.keeper import store_of
from drills.evidence.numbers import SharedChain
from drills.evidence.start import chain_name


def fetch(folder: str | None, configs: Iterable[Config]) -> None:
    """Fetch what the folder of [evidence] lacks of the chain of each configuration; `folder` is the FOLDER that was given.

    Raises ConfigError for a FOLDER and for a profile without a store, DrillError where a store does not answer.
    """
    if folder:
        raise ConfigError("--fetch: expected no FOLDER beside it: it fetches into the folder of [evidence]")
    for config in configs:
        store = store_of(config)
        if store is None:
            raise ConfigError(
                f'--fetch: expected a store in [evidence] for the profile "{config.profile_name}", found none: name it, or leave '
                "--fetch out"
            )
        SharedChain(store, chain_name(config.profile_name, config.target_name)).fetch(Path(config.evidence.folder))
