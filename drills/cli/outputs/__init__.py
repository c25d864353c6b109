"""What is told of a run that has ended, elsewhere than in its reports: numbers for monitoring, notices for people."""
