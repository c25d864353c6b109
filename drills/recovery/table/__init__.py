"""The drill of a DynamoDB table: choose, restore by AWS Backup, compare, measure."""
