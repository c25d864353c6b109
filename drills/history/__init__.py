"""The line that each run leaves, and what many of them prove."""
