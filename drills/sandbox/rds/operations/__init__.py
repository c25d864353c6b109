"""The operations on instances: a module for each way an instance is made, changed or removed."""
