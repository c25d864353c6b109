"""`drills table`: the manifest of a DynamoDB table, and a table beside it."""
