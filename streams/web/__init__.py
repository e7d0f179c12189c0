"""What people and programs read over HTTP: the page, the JSON API, the metrics, the health."""
