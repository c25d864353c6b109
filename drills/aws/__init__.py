"""AWS, as the engine reaches it: sessions, guards, reads, scratch resources, clean-up."""
