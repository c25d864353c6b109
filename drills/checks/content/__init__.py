"""The data: fingerprints of tables, large objects and sequences."""
