"""Fixtures of a producer and its broker."""

from producer_records import absent, broker, producer, topic

__all__ = ["absent", "broker", "producer", "topic"]
