"""What drills are struck of: one module a kind of target, which makes its source and says what must not change of it."""
