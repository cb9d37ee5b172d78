"""Data contracts: what a source promises, in the Open Data Contract Standard, checked in one pass."""
