"""Runs the console blocks of the documents in a fresh clone, as a reader would: `tox -e docs`."""
