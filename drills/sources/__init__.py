"""Where recovery points come from and scratch instances are made."""
