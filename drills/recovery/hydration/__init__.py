"""Reads a restored copy whole, and how: its tables, and indexes that no order reads from end to end."""
