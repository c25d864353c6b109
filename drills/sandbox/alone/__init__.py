"""The sandbox on its own: up, down, status."""
