"""Who served a request: the provider, and the jurisdiction that its operator is under."""
