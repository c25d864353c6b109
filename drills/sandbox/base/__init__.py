"""What every part of the sandbox works with: its time, faults, and how moto constructs its backends."""
