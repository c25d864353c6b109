"""What is made in the sandbox beside a staged source: its plan of AWS Backup, and what protects its vault."""
