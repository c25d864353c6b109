"""`drills init`: looks into the account by reading alone, and writes a drill.toml, a first feature and a policy."""
