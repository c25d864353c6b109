"""Seeds, which fill a source instance, and damages to a stored copy."""
