"""The canary: its writer, and the check of its chain."""
