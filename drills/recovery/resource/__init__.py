"""What the drills of resources beside databases share."""
