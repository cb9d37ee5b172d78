"""The lake: Delta tables with durable, checked commits."""
