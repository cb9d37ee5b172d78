"""Tracking for a person at work: what a step logs while it computes, kept outside all digests."""
