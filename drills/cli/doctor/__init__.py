"""`drills doctor`: what a drill needs of this machine, the configuration and AWS, each with its remedy."""
