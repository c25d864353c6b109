"""`drills files`: the manifest of a folder, and a folder beside it."""
