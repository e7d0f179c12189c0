"""What the demo and the tests need in place of a deployment: a broker, a gateway, its traffic."""
