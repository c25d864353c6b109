"""Manifests in a store: named, signed, kept beside the backups that they are of, and found again by a drill."""
