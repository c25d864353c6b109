"""What a cut-over is about, an instance or an Aurora cluster: how it is found, and the instances of a cluster, old and new."""
