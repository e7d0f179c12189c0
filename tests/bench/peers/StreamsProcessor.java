package peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.StateStoreContext;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.internals.CacheFlushListener;
import org.apache.kafka.streams.state.internals.CachedStateStore;

/**
 * Kafka Streams by its Processor API: panes by source partition, nothing repartitioned.
 *
 * <p>Arguments: bootstrap, topic, events, file of names, directory, passes, id, guarantee.
 */
final class StreamsProcessor {
  private static final String STORE = "panes";

  public static void main(String[] arguments) throws Exception {
    Path names = Path.of(arguments[3]);
    for (int number = 1; number <= Integer.parseInt(arguments[5]); number++) {
      Pass pass = new Pass(Long.parseLong(arguments[2]));
      Set<PaneStore> stores = ConcurrentHashMap.newKeySet();
      Topology topology =
          new Topology()
              .addSource(
                  AutoOffsetReset.earliest(),
                  "usage",
                  // The event's own time is in the value; the framework needs none.
                  (record, partitionTime) -> record.timestamp(),
                  new ByteArrayDeserializer(),
                  new ByteArrayDeserializer(),
                  arguments[1])
              .addProcessor("count", () -> new Count(names, pass, stores), "usage")
              .addStateStore(new PaneStoreBuilder(names), "count");
      String id = arguments[6] + "-" + number;
      Properties settings = StreamsRun.settings(arguments[0], id, arguments[4]);
      settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[7]);
      try (KafkaStreams streams = new KafkaStreams(topology, settings)) {
        StreamsRun.start(streams);
        List<long[]> rows =
            pass.await(
                () -> {
                  List<long[]> written = new ArrayList<>();
                  stores.forEach(store -> store.rows(written));
                  return written;
                });
        pass.report(rows);
      }
    }
    System.exit(0);
  }

  /** Counts the events of one source partition. */
  private static final class Count implements Processor<byte[], byte[], Void, Void> {
    private final Pass pass;
    private final Set<PaneStore> stores;
    private final Event event;
    private Tally tally;

    Count(Path names, Pass pass, Set<PaneStore> stores) {
      this.pass = pass;
      this.stores = stores;
      this.event = new Event(names);
    }

    @Override
    public void init(ProcessorContext<Void, Void> context) {
      PaneStore store = context.getStateStore(STORE);
      store.load();
      stores.add(store);
      tally = store.tally;
    }

    @Override
    public void process(Record<byte[], byte[]> record) {
      pass.meet();
      try {
        event.read(record.value());
      } catch (IOException error) {
        throw new IllegalArgumentException(error);
      }
      tally.add(event);
      pass.count();
    }
  }

  /**
   * The panes of a partition: a tally and whole panes in memory, over an in-memory store with a changelog.
   *
   * <p>A punctuator that writes the tally would leave a gap: at a rebalance or a clean stop Kafka Streams
   * commits the offsets of events that are only in the tally, and they are lost if the process dies then.
   * It asks a {@link CachedStateStore} to write just before any commit, whatever its cause; that is how
   * its own caching works. It is not a public interface, but the only one that is right at no cost.
   */
  private static final class PaneStore implements StateStore, CachedStateStore<Long, byte[]> {
    private final KeyValueStore<Long, byte[]> inner;
    private final Map<Long, long[]> panes = new HashMap<>();
    final Tally tally;

    PaneStore(KeyValueStore<Long, byte[]> inner, int cells) {
      this.inner = inner;
      this.tally = new Tally(cells);
    }

    /** Takes up what was restored from the changelog. */
    void load() {
      panes.clear();
      try (KeyValueIterator<Long, byte[]> all = inner.all()) {
        all.forEachRemaining(each -> panes.put(each.key, decode(each.value)));
      }
    }

    @Override
    public void flushCache() {
      Map<Long, long[]> changed = new HashMap<>();
      tally.drain(
          (start, counts) -> {
            for (int level = 0; level < Tally.LEVELS.length; level++) {
              int seconds = Tally.LEVELS[level];
              long key = Math.floorDiv(start, seconds) * seconds * Tally.LEVELS.length + level;
              long[] pane = panes.computeIfAbsent(key, each -> new long[counts.length]);
              for (int index = 0; index < counts.length; index++) {
                pane[index] += counts[index];
              }
              changed.put(key, pane);
            }
          });
      changed.forEach((key, pane) -> inner.put(key, encode(pane)));
    }

    @Override
    public void clearCache() {
      tally.drain((start, counts) -> {});
    }

    @Override
    public boolean setFlushListener(CacheFlushListener<Long, byte[]> listener, boolean sendOldValues) {
      return false;
    }

    /** Adds what has been written, as rows. */
    void rows(List<long[]> rows) {
      try (KeyValueIterator<Long, byte[]> all = inner.all()) {
        while (all.hasNext()) {
          var each = all.next();
          int level = (int) Math.floorMod(each.key, (long) Tally.LEVELS.length);
          long start = Math.floorDiv(each.key, (long) Tally.LEVELS.length);
          long[] pane = decode(each.value);
          for (int at = 0; at < pane.length; at += Tally.COUNTS) {
            if (pane[at] > 0) {
              int cell = at / Tally.COUNTS;
              rows.add(
                  new long[] {
                    Tally.LEVELS[level], start, cell, pane[at], pane[at + 1], pane[at + 2], pane[at + 3]
                  });
            }
          }
        }
      }
    }

    private byte[] encode(long[] pane) {
      ByteBuffer buffer = ByteBuffer.allocate(Integer.BYTES + Long.BYTES * pane.length * 2);
      buffer.putInt(pane.length);
      for (int at = 0; at < pane.length; at += Tally.COUNTS) {
        if (pane[at] > 0) {
          buffer.putInt(at);
          for (int index = 0; index < Tally.COUNTS; index++) {
            buffer.putLong(pane[at + index]);
          }
        }
      }
      return Arrays.copyOf(buffer.array(), buffer.position());
    }

    private static long[] decode(byte[] value) {
      ByteBuffer buffer = ByteBuffer.wrap(value);
      long[] pane = new long[buffer.getInt()];
      while (buffer.hasRemaining()) {
        int at = buffer.getInt();
        for (int index = 0; index < Tally.COUNTS; index++) {
          pane[at + index] = buffer.getLong();
        }
      }
      return pane;
    }

    @Override
    public String name() {
      return inner.name();
    }

    @Override
    public void init(StateStoreContext context, StateStore root) {
      inner.init(context, root);
    }

    @Override
    public void close() {
      inner.close();
    }

    @Override
    public boolean persistent() {
      return inner.persistent();
    }

    @Override
    public boolean isOpen() {
      return inner.isOpen();
    }
  }

  private static final class PaneStoreBuilder implements StoreBuilder<PaneStore> {
    private final StoreBuilder<KeyValueStore<Long, byte[]>> inner =
        Stores.keyValueStoreBuilder(
                Stores.inMemoryKeyValueStore(STORE), Serdes.Long(), Serdes.ByteArray())
            .withCachingDisabled()
            .withLoggingEnabled(Map.of());
    private final int cells;

    PaneStoreBuilder(Path names) {
      this.cells = new Event(names).cells;
    }

    @Override
    public PaneStore build() {
      return new PaneStore(inner.build(), cells);
    }

    @Override
    public StoreBuilder<PaneStore> withCachingEnabled() {
      return this;
    }

    @Override
    public StoreBuilder<PaneStore> withCachingDisabled() {
      return this;
    }

    @Override
    public StoreBuilder<PaneStore> withLoggingEnabled(Map<String, String> config) {
      return this;
    }

    @Override
    public StoreBuilder<PaneStore> withLoggingDisabled() {
      throw new UnsupportedOperationException("without a changelog nothing survives");
    }

    @Override
    public Map<String, String> logConfig() {
      return inner.logConfig();
    }

    @Override
    public boolean loggingEnabled() {
      return inner.loggingEnabled();
    }

    @Override
    public String name() {
      return inner.name();
    }
  }
}
