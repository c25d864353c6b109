"""Define the steps of the features: each parses, makes one call into drills/, and returns a value or asserts a verdict."""
