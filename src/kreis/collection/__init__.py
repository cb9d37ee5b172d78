"""Collection: sources, data contracts, quarantine; leaves bronze tables."""
