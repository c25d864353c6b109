"""Derives the verdicts and the exit code of a run again, from its evidence alone and without a network."""
