"""What a drill may change in AWS: names that are its own, permits that clients ask for, and the guard that gives them."""
