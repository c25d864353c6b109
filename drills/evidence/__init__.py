"""The sealed evidence of runs: keys, bundles, their digests and signatures, and how they are verified."""
