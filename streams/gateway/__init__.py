"""Runs beside the gateway, and never blocks its requests."""
