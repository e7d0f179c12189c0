#!/usr/bin/env bash
# As the scripts of apache/kafka: settings from the environment into a file, then the broker.
set -eu
config=/opt/kafka/config
[[ -w $config ]] || { echo "$config/ file not writable"; exit 1; }
export CLUSTER_ID=${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}
# A volume of an earlier container is formatted.
result=$(java -cp '/opt/kafka/libs/*' kafka.docker.KafkaDockerWrapper setup \
    --default-configs-dir /etc/kafka/docker \
    --mounted-configs-dir /mnt/shared/config \
    --final-configs-dir "$config" 2>&1) \
    || grep -qi "already formatted" <<<"$result" || { echo "$result"; exit 1; }
# shellcheck disable=SC2086 # two options
exec java ${KAFKA_HEAP_OPTS:-} -Xlog:gc:file=/opt/kafka/logs/kafkaServer-gc.log \
    -cp '/opt/kafka/libs/*' kafka.Kafka "$config/server.properties"
