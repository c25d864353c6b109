"""When AWS's schedules fire, and what a plan can lose at worst; pure."""
