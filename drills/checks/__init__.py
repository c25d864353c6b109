"""What must be true of a restored database: each check observes by SQL, then judges in pure functions."""
