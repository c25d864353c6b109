"""What preflight reads and judges of every target that is no database, by AWS Backup's restore of it; each kind: `kinds`."""
