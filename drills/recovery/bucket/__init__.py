"""The drill of an S3 bucket: choose, restore by AWS Backup to a bucket of the run's own, compare its objects, measure."""
