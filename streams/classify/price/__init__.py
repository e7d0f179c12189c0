"""The list price of a model at a provider, to estimate what no gateway stated."""
