"""Print what the topic holds and what this worker has counted; runs inside a worker's container."""

import json
import os
import urllib.request

from kafka import KafkaConsumer, TopicPartition

topic = os.environ["TOKENSHARE_TOPIC"]
consumer = KafkaConsumer(bootstrap_servers=os.environ["TOKENSHARE_BOOTSTRAP_SERVERS"])
partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
ends = sum(consumer.end_offsets(partitions).values())
with urllib.request.urlopen("http://127.0.0.1:6066/api/v1/shares") as answer:
    records = json.load(answer)["pipeline"]["records"]
counted = sum(row["count"] for row in records if row["result"] == "counted")
print(json.dumps({"end_offsets": ends, "counted": counted}))
