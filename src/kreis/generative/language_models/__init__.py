"""Language models: what completes a conversation."""
