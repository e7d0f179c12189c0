"""The worker process, which counts some partitions and shows all of them."""
