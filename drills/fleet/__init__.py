"""A fleet: many targets, drilled each by a run of its own, and what became of all of them."""
