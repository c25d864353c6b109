"""What AWS Backup protects: one module a kind, and what each kind does for a backup and a restore."""
