"""`drills run --dry-run`: what a run would do, of a database and of what is none."""
