"""`drills run --all`: every target by a run of its own, several at once, and the scorecard at the end."""
