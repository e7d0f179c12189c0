package peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.Stores;

/**
 * Kafka Streams by its DSL: windowed aggregates by origin and language, as its documentation has them.
 *
 * <p>A new key makes the DSL write every event to a topic and read it again; it knows no other way. All
 * three levels share that topic, and a value in it is 16 bytes.
 *
 * <p>Arguments: bootstrap, topic, events, file of names, directory, passes, id, partitions.
 */
final class StreamsDsl {
  /** Late events are counted, as long as a store of this size keeps their window. */
  private static final Duration GRACE = Duration.ofHours(24);

  private static final long CACHE_BYTES = 64 << 20;

  /** An event after it was read; its time is the record's. */
  private record Usage(double seconds, int cell, long prompt, long completion) {}

  public static void main(String[] arguments) throws Exception {
    for (int number = 1; number <= Integer.parseInt(arguments[5]); number++) {
      Pass pass = new Pass(Long.parseLong(arguments[2]));
      Properties settings =
          StreamsRun.settings(arguments[0], arguments[6] + "-" + number, arguments[4]);
      settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, CACHE_BYTES);
      settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
      StreamsBuilder builder = new StreamsBuilder();
      KStream<Integer, Usage> usage =
          builder.stream(
                  arguments[1],
                  Consumed.with(Serdes.ByteArray(), events(Path.of(arguments[3]), pass))
                      .withTimestampExtractor(
                          (record, before) ->
                              Math.round(((Usage) record.value()).seconds() * 1000)))
              .map((key, value) -> KeyValue.pair(value.cell(), value))
              .repartition(
                  Repartitioned.with(Serdes.Integer(), packed())
                      .withName("cells")
                      .withNumberOfPartitions(Integer.parseInt(arguments[7])));
      for (int level : Tally.LEVELS) {
        // The hour is added to last: once it has an event, so have the others.
        boolean isLast = level == Tally.LEVELS[Tally.LEVELS.length - 1];
        aggregate(usage, level, isLast ? pass : null);
      }
      try (KafkaStreams streams = new KafkaStreams(builder.build(settings), settings)) {
        StreamsRun.start(streams);
        pass.report(pass.await(() -> rows(streams)));
      }
    }
    System.exit(0);
  }

  private static void aggregate(KStream<Integer, Usage> usage, int level, Pass pass) {
    Duration size = Duration.ofSeconds(level);
    usage
        .groupByKey(Grouped.with(Serdes.Integer(), packed()))
        .windowedBy(TimeWindows.ofSizeAndGrace(size, GRACE))
        .aggregate(
            () -> new long[Tally.COUNTS],
            (cell, value, counts) -> {
              long tokens = value.prompt() + value.completion();
              counts[0]++;
              counts[1] += value.prompt();
              counts[2] += value.completion();
              counts[3] += tokens * tokens;
              if (pass != null) {
                pass.count();
              }
              return counts;
            },
            Materialized.<Integer, long[]>as(
                    Stores.inMemoryWindowStore("panes-" + level, size.plus(GRACE), size, false))
                .withKeySerde(Serdes.Integer())
                .withValueSerde(counts())
                .withCachingEnabled());
  }

  private static List<long[]> rows(KafkaStreams streams) {
    List<long[]> rows = new ArrayList<>();
    for (int level : Tally.LEVELS) {
      var store =
          streams.store(
              StoreQueryParameters.fromNameAndType(
                  "panes-" + level, QueryableStoreTypes.<Integer, long[]>windowStore()));
      try (KeyValueIterator<Windowed<Integer>, long[]> all = store.all()) {
        while (all.hasNext()) {
          KeyValue<Windowed<Integer>, long[]> each = all.next();
          long start = each.key.window().start() / 1000;
          long[] counts = each.value;
          rows.add(
              new long[] {
                level, start, each.key.key(), counts[0], counts[1], counts[2], counts[3]
              });
        }
      }
    }
    return rows;
  }

  private static Serde<Usage> events(Path names, Pass pass) {
    Event event = new Event(names);
    Deserializer<Usage> read =
        (topic, value) -> {
          pass.meet();
          try {
            event.read(value);
          } catch (IOException error) {
            throw new IllegalArgumentException(error);
          }
          return new Usage(event.seconds, event.cell, event.prompt, event.completion);
        };
    return Serdes.serdeFrom(noWriter(), read);
  }

  private static Serde<Usage> packed() {
    Serializer<Usage> write =
        (topic, usage) ->
            ByteBuffer.allocate(16).putLong(usage.prompt()).putLong(usage.completion()).array();
    Deserializer<Usage> read =
        (topic, value) -> {
          ByteBuffer buffer = ByteBuffer.wrap(value);
          return new Usage(0, 0, buffer.getLong(), buffer.getLong());
        };
    return Serdes.serdeFrom(write, read);
  }

  private static Serde<long[]> counts() {
    Serializer<long[]> write =
        (topic, counts) -> {
          if (counts == null) {
            return null;
          }
          ByteBuffer buffer = ByteBuffer.allocate(Long.BYTES * Tally.COUNTS);
          buffer.asLongBuffer().put(counts);
          return buffer.array();
        };
    Deserializer<long[]> read =
        (topic, value) -> {
          if (value == null) {
            return null;
          }
          long[] counts = new long[Tally.COUNTS];
          ByteBuffer.wrap(value).asLongBuffer().get(counts);
          return counts;
        };
    return Serdes.serdeFrom(write, read);
  }

  private static Serializer<Usage> noWriter() {
    return (topic, usage) -> {
      throw new UnsupportedOperationException("the source is only read");
    };
  }
}
