"""The day of the disaster: a copy that is restored as a drill restores one, handed over, and stays."""
