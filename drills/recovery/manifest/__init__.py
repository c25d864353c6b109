"""The manifest that a copy is compared with: given, or found in the target's store for its recovery point."""
