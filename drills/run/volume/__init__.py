"""The stage of a run whose target is an EBS volume; its guard is that of tables."""
