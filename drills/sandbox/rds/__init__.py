"""The RDS of the sandbox."""
