"""The drill of an EFS file system: choose, restore by AWS Backup, compare its settings, measure. Its contents are not verified."""
