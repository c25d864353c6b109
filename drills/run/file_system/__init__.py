"""The stage of a run whose target is an EFS file system; its guard is that of tables."""
