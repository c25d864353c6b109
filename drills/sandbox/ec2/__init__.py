"""The EC2 of the sandbox: that of moto, with what databases and AWS Backup need of it."""
