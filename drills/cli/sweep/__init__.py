"""`drills sweep`: shows what earlier runs left in AWS, and removes what is past its time."""
