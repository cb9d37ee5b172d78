"""Review queues in the service: who may label, what they get, what they say."""
