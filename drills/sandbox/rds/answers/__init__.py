"""The answers of RDS: what the sandbox reads from requests and writes into responses."""
