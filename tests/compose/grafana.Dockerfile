# For Grafana, which Debian does not have: a server that answers the health check and nothing else.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends busybox \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s /bin/busybox /usr/local/bin/wget \
    && install --directory --owner=472 --group=0 /var/lib/grafana \
    && mkdir -p /srv/api && touch /srv/index.html /srv/api/health
USER 472:0
CMD ["busybox", "httpd", "-f", "-p", "3000", "-h", "/srv"]
