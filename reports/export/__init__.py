"""The run record in the formats of others, for the bundle of its evidence."""
