"""`drills localstack`: starts LocalStack, makes a source there, drills it, and ends what it started."""
