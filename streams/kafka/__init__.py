"""Records in and out of Kafka: whole record batches, topics, and why a broker refuses."""
