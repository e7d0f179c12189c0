"""One process that counts some partitions and shows all of them."""
