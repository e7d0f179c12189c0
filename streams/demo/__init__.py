"""Replaces a deployment for the demo and the tests: a broker, a gateway, its traffic."""
