"""The answers to the requests that AWS Backup gets: a module for each kind of resource."""
