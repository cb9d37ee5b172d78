"""The service: one lean process that answers with the released models."""
