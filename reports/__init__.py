"""Reports of a run, made from the run record (drill.json) and from nothing else."""
