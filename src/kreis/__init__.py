"""kreis: the AI engineering workflow as one system."""
