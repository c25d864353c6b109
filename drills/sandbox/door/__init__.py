"""The HTTP side of the sandbox: parses, logs, refuses and checks requests, injects faults, and calls moto."""
