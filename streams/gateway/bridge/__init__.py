"""A process that takes usage over HTTP and writes it to Kafka."""
