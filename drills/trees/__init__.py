"""Trees of files: what a folder contains, in a manifest, and how two differ. Nothing is written below the folder."""
