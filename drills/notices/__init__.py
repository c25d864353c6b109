"""Notices to people: of a run that has ended, from its record alone, and of a drill that never came."""
