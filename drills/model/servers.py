"""The PostgreSQL servers that a sandbox can be told to run by name."""

from __future__ import annotations

# drills/sandbox/postgres/binaries.py finds these
POSTGRES_CHOICES = ("system", "bundled-18", "bundled-17", "bundled-16")
