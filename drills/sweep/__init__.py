"""What earlier runs left in AWS: found by name and tags, judged by its time to live, and removed when that is over."""
