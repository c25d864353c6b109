"""The S3 of the sandbox."""
