"""`drills manifest`: fingerprints a database, into a file or into the store that drills search."""
