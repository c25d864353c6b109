"""DynamoDB: moto's tables with real items, their statuses over time, and the copies that AWS Backup takes of them."""
