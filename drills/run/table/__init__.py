"""The guard and the stage of a run whose target is a DynamoDB table."""
