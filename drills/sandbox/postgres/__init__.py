"""PostgreSQL servers: installations, clusters, WAL archives, and the TLS ports that lead to them."""
