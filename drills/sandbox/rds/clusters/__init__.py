"""Aurora PostgreSQL: clusters, their instances, their snapshots and their restores."""
