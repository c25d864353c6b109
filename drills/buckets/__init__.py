"""S3 buckets: which objects there were at an instant, what a copy has of them, and how the two differ."""
