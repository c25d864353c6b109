"""The owner's invariants, queries and freshness queries."""
