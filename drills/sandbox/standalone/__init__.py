"""Sandboxes that `drills sandbox up` starts: their files, and the process that keeps one running."""
