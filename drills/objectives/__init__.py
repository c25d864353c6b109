"""What the measured numbers mean beside the objectives; pure."""
