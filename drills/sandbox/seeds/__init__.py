"""What fills a source, and what spoils a copy."""
