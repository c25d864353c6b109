"""The JSON Schema of drill.toml, by which an editor completes and checks it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.config import schema
from drills.config.file import ConfigFile
from drills.durations import parse_duration
from drills.errors import ConfigError
from tests.support.paths import CHECKOUT

SCHEMA = json.loads(schema.SCHEMA_FILE.read_text(encoding="utf-8"))


def accepts(text: str) -> bool:
    """Whether the schema has nothing against a file."""
    raw = json.loads(json.dumps(tomllib.loads(text), default=date.isoformat))
    return bool(jsonschema.Draft4Validator(SCHEMA).is_valid(raw))


def read(text: str) -> bool:
    """Whether the file is read."""
    try:
        file = ConfigFile(None, "drill.toml", tomllib.loads(text))
        file.check_sections()
        assert [file.drill(), file.profiles(), file.targets(), file.evidence()]
    except ConfigError:
        return False
    return True


def shown() -> Iterator[tuple[str, str]]:
    """Each block of drill.toml in the documents that is read as it stands, and the project's own file."""
    yield "drill.toml", (CHECKOUT / "drill.toml").read_text(encoding="utf-8")
    for page in [CHECKOUT / "README.md", *sorted(CHECKOUT.glob("docs/**/*.md"))]:
        for number, block in enumerate(re.findall(r"(?ms)^```toml\n(.*?)^```", page.read_text(encoding="utf-8"))):
            if re.search(r"^\[+(?:drill|evidence|profiles|targets)", block, re.MULTILINE) and read(block):
                yield f"{page.name}-{number}", block


def test_the_file_is_the_schema_of_the_tables() -> None:
    """`python -m drills.config.schema` writes it anew."""
    jsonschema.Draft4Validator.check_schema(SCHEMA)
    assert schema.SCHEMA_FILE.read_text(encoding="utf-8") == schema.schema_text()


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in shown()])
def test_what_is_read_is_accepted(text: str) -> None:
    """The project's own file, and what the documents show."""
    assert accepts(text)


def test_the_documents_show_some() -> None:
    """The test above looks at something."""
    assert len(list(shown())) > 5


@pytest.mark.parametrize(
    "text",
    [
        "[target.orders]\n",
        '[targets.orders]\nrt = "30m"\n',
        "[targets.orders]\nrto = 30\n",
        '[targets.orders]\nrto = "soon"\n',
        '[targets.orders]\nexpects = "columns"\n',
        "[targets.orders.restore]\nlock = 1\n",
        '[profiles.production]\nregions = ["eu-central-1"]\n',
        '[profiles.aws]\nendpoint_url = "http://localhost"\n',
        '[evidence]\npassword = "x"\n',
        '[profiles.aws.evidence]\nlock = "soft"\n',
    ],
)
def test_what_is_refused_by_its_keys_and_types_is_not_accepted(text: str) -> None:
    """An editor names a slip of the pen before a run does."""
    assert not read(text)
    assert not accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        '[profiles.production]\nkind = "aws"\nregions = ["eu-central-1"]\npoll_every = "30s"\n'
        '[profiles.production.evidence]\nstore = "s3://a-bucket"\n',
        '[targets.orders.tables]\n"shop.log" = "at least 99 %"\n[targets.orders.checks]\namcheck = "optional: no rights"\n',
        '[targets.orders]\nsample = "oldest"\n[[targets.orders.scenario]]\nname = "instance loss"\nrto = "1h"\n',
    ],
)
def test_what_is_text_in_the_file_is_text_in_the_schema(text: str) -> None:
    """Policies, rules and choices; a scenario by the name that the file has for it; evidence of a profile."""
    assert read(text)
    assert accepts(text)


@given(
    st.from_regex(r"[0-9]{1,3}(\.[0-9])? ?(ms|s|m|h|d|w|hours?|MINUTES?)", fullmatch=True)
    | st.text("0123 mshdw.", max_size=8)
)
def test_a_duration_is_accepted_where_it_is_read(text: str) -> None:
    """But for capitals in the words, which no editor needs."""
    try:
        parse_duration(text)
    except ValueError:
        assert not re.search(schema.DURATION, text)
    else:
        assert re.search(schema.DURATION, text) or text != text.lower()


def test_the_projects_own_file_names_it() -> None:
    """Editors with a language server for TOML read the first line (taplo.tamasfe.dev, "Directives")."""
    first = (CHECKOUT / "drill.toml").read_text(encoding="utf-8").partition("\n")[0]

    assert first == "#:schema ./drills/config/drill-toml.schema.json"
    assert (CHECKOUT / first.partition(" ")[2]) == Path(CHECKOUT / "drills/config/drill-toml.schema.json")
