"""What lies outside of a database: settings, isolation, what a copy could do to others."""
