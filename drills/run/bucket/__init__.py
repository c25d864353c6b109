"""The stage of a run whose target is an S3 bucket; its guard is that of tables."""
