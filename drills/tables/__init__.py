"""DynamoDB tables: what one should contain, what a copy contains, and how the two differ."""
