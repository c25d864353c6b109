"""The project's own sample application: an order book of about 100,000 rows, made by SQL alone.

Its rows follow from their numbers, so that two loads give the same rows. All of it belongs to the master user, who
can therefore read and write everything without being a superuser.
"""

from __future__ import annotations

from importlib import resources

DATABASE = "orders"
ROLES = ("shop_app", "shop_readonly")
"""Roles without login that the sample grants to; they must exist before the scripts run."""

PLACE_ORDER = "SELECT shop.place_order()"
"""What the living application runs to write one order, with its lines and mostly a payment."""


def scripts() -> tuple[tuple[str, str], ...]:
    """Name and SQL text of every script, in the order in which they must run in one session as the master user."""
    files = (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".sql"))
    ordered = sorted(files, key=lambda entry: entry.name)
    return tuple((entry.name, entry.read_text(encoding="utf-8")) for entry in ordered)
