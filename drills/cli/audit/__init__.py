"""What the command line shows an auditor."""
