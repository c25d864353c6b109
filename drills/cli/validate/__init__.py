"""`drills validate`: the validator of AWS Backup's restore tests."""
