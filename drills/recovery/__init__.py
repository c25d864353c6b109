"""One recovery, from declaring the disaster to the last check."""
