"""Kafka access: whole record batches, topics, and the diagnosis of refused connections."""
