"""The AWS Backup of the sandbox."""
