"""`drills demo`: a good and a damaged backup side by side."""
