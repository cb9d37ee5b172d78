"""Governance: walks the record, from a prediction back to the goal."""
