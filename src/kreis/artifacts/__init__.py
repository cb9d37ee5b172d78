"""Content-addressed blobs: every read is verified, every write is on disk before it is acknowledged."""
