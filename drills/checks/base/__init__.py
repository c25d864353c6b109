"""What every check works with: sessions, outcomes, timeouts, connections."""
