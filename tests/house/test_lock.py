"""The packages that are locked: what `requirements.lock` pins is what pyproject.toml asks for, and npm's likewise."""

from __future__ import annotations

import json
import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import CHECKOUT

LOCKED_EXTRAS = ("pdf", "tsa")
# licences that ask for no more than their text, and weak ones whose packages are used as they are
NPM_LICENSES = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    "ISC",
    "MIT",
    "Python-2.0",
    "(MPL-2.0 OR Apache-2.0)",
}
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")


def _entries() -> dict[str, tuple[str, int]]:
    """Each package of the lock with its version, and how many hashes it has."""
    blocks = re.split(r"^(?=[a-z0-9])", re.sub(r"^\s*#.*\n", "", LOCK, flags=re.MULTILINE), flags=re.MULTILINE)
    found: dict[str, tuple[str, int]] = {}
    for block in filter(None, blocks):
        name, version = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", block)[0]
        found[canonicalize_name(name)] = (version, block.count("--hash=sha256:"))
    return found


def test_what_the_project_needs_is_locked_at_a_version_that_it_accepts() -> None:
    """Each dependency, and each of the extras for reports and time stamps, stands in the lock within its bounds."""
    wanted = [
        *PROJECT["dependencies"],
        *(each for name in LOCKED_EXTRAS for each in PROJECT["optional-dependencies"][name]),
    ]
    found = _entries()

    for requirement in map(Requirement, wanted):
        version, _ = found[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: locked {version}"


def test_everything_locked_has_hashes() -> None:
    """No package can be exchanged on its way: each of the lock has at least one SHA-256, each of npm's its digest and licence."""
    packages = json.loads((CHECKOUT / "reports/allure/package-lock.json").read_text(encoding="utf-8"))["packages"]

    assert [name for name, (_, hashes) in _entries().items() if not hashes] == []
    assert [
        name for name, each in packages.items() if name and not each.get("integrity", "").startswith("sha512-")
    ] == []
    assert {each["license"] for name, each in packages.items() if name} <= NPM_LICENSES
