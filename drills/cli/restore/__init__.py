"""`drills restore`: the day of the disaster."""
