"""The settings of instances and clusters: what a difference in each leads to, and what puts it right."""
