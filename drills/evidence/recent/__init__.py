"""What the newest drills of a chain are enough for: to let a release pass, and not to drill once more in the same period."""
