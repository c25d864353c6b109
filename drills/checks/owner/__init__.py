"""The owner's own rules, queries and freshness queries."""
