"""Checks of what lies outside of a database: settings, isolation, and whether the copy can act on other systems."""
