"""The formats that gateways write, one module a format."""
