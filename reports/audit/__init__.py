"""What an auditor gets of the runs: the facts that controls rest on, and the matrix of a period."""
