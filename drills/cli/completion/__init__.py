"""`drills completion`: what a shell completes of a command line of drills."""
