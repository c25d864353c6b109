"""Tells what happened, from the run record (drill.json) and from nothing else."""
