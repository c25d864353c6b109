"""Derives the drills of tables and volumes again."""
