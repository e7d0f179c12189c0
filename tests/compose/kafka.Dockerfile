# For apache/kafka: Kafka's jars on Debian's JRE, with the user, directories and volumes of that image.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-21-jre-headless \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 appuser \
    && mkdir -p /etc/kafka/secrets /mnt/shared/config /opt/kafka/config /var/lib/kafka/data \
    && chown -R appuser:root /etc/kafka /var/lib/kafka \
    && chown -R appuser:appuser /mnt/shared/config /opt/kafka
COPY --from=jars . /opt/kafka/libs
COPY --chmod=0755 kafka.sh /etc/kafka/docker/run
USER appuser
VOLUME ["/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"]
CMD ["/etc/kafka/docker/run"]
