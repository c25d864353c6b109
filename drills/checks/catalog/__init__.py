"""The schema: what the catalog holds, and how two catalogs differ."""
