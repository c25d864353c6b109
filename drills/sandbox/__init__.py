"""An AWS on this machine: moto, extended, with a real PostgreSQL behind every instance."""
