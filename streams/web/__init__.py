"""The HTTP interface of a worker: the page, the JSON API, the metrics, the health."""
