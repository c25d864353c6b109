"""Whose turn it is to be compared where a budget is too short for every table, and when all have had theirs. Pure."""
