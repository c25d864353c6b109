"""drill.toml, the environment and the command line as one configuration."""
