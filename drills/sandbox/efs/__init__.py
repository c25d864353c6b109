"""EFS: moto's file systems, with those that AWS Backup restores."""
