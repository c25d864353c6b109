"""What must be true of a database by itself, without a manifest."""
