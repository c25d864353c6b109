"""What a run measured, written for Prometheus after it has ended, from its record alone."""
