"""Monitors, one per file: what is watched day by day, and when it is to be reported."""
