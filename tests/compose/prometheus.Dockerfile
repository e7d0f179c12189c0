# For prom/prometheus: Debian's Prometheus and promtool where that image has them.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends prometheus \
    && rm -rf /var/lib/apt/lists/* /etc/prometheus/* \
    && install --directory --owner=65534 --group=65534 /prometheus
USER 65534:65534
VOLUME ["/prometheus"]
ENTRYPOINT ["/bin/prometheus"]
