"""What holds for each call of a boto3 client: how long it is repeated, what its answer must be, what became of it."""
