"""Whether a restore would be accepted now, and until when: foreseen from facts that were read. Pure, but for `read`."""
