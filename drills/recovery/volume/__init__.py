"""The drill of an EBS volume: choose, restore by AWS Backup, compare its settings, measure. Its contents are not verified."""
