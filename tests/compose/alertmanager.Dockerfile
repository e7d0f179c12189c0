# For prom/alertmanager: Debian's Alertmanager by that image's name, and its wget of busybox.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends busybox prometheus-alertmanager \
    && rm -rf /var/lib/apt/lists/* /etc/prometheus \
    && ln -s /bin/busybox /usr/local/bin/wget \
    && ln -s prometheus-alertmanager /bin/alertmanager \
    && install --directory --owner=65534 --group=65534 /alertmanager
USER 65534:65534
VOLUME ["/alertmanager"]
ENTRYPOINT ["/bin/alertmanager"]
