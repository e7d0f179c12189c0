package peers;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Flink: what comes is added up in the source's chain, and the sums go by key to the state.
 *
 * <p>Keying every event would send it through Flink's network stack and touch its state three times.
 * Flink's SQL adds up locally first for the same reason, by an operator like the one here.
 *
 * <p>All of Flink is in this process, job manager included, as in its own local mode.
 *
 * <p>Arguments: bootstrap, topic, events, file of names, directory, passes, id.
 */
final class FlinkJob {
  private static final TypeInformation<long[]> NUMBERS =
      PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO;

  /** What the sink was told last of each pane and cell. */
  private static final Map<List<Long>, long[]> RESULTS = new ConcurrentHashMap<>();

  public static void main(String[] arguments) throws Exception {
    for (int number = 1; number <= Integer.parseInt(arguments[5]); number++) {
      Pass pass = new Pass(Long.parseLong(arguments[2]));
      RESULTS.clear();
      Configuration settings = new Configuration();
      settings.set(CoreOptions.DEFAULT_PARALLELISM, 1);
      settings.set(PipelineOptions.OBJECT_REUSE, true);
      settings.set(StateBackendOptions.STATE_BACKEND, "hashmap");
      settings.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
      settings.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(500));
      settings.set(
          CheckpointingOptions.CHECKPOINTS_DIRECTORY, Path.of(arguments[4]).toUri().toString());
      // A job that failed and started again must not be taken for a slow one.
      settings.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
      StreamExecutionEnvironment environment =
          StreamExecutionEnvironment.getExecutionEnvironment(settings);
      KafkaSource<byte[]> source =
          KafkaSource.<byte[]>builder()
              .setBootstrapServers(arguments[0])
              .setTopics(arguments[1])
              .setGroupId(arguments[6] + "-" + number)
              .setStartingOffsets(OffsetsInitializer.earliest())
              // Each poll is handed from the reading thread to the counting one.
              .setProperty(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "10000")
              .setDeserializer(new Values())
              .build();
      environment
          .fromSource(source, WatermarkStrategy.noWatermarks(), "usage")
          .transform("add up", NUMBERS, new AddUp(arguments[3]))
          .keyBy(sums -> sums[1], Types.LONG)
          .process(new Count())
          .returns(NUMBERS)
          .sinkTo(new Latest());
      JobClient job = environment.executeAsync("tokenshare");
      job.getJobExecutionResult()
          .whenComplete(
              (result, error) -> {
                if (error != null && Pass.current == pass && !pass.isReported()) {
                  error.printStackTrace();
                  Runtime.getRuntime().halt(1);
                }
              });
      pass.report(pass.await(() -> new ArrayList<>(RESULTS.values())));
      job.cancel().get();
    }
    System.exit(0);
  }

  /** The bytes of a record, as they are. */
  private static final class Values implements KafkaRecordDeserializationSchema<byte[]> {
    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<byte[]> out) {
      out.collect(record.value());
    }

    @Override
    public TypeInformation<byte[]> getProducedType() {
      return PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;
    }
  }

  /**
   * Adds events up, and sends the sums on before each checkpoint's barrier.
   *
   * <p>So at the barrier it holds nothing, needs no state, and the checkpoint is exact.
   */
  private static final class AddUp extends AbstractStreamOperator<long[]>
      implements OneInputStreamOperator<byte[], long[]> {
    private final String names;
    private transient Event event;
    private transient Tally tally;
    private transient Pass pass;

    AddUp(String names) {
      this.names = names;
    }

    @Override
    public void open() throws Exception {
      super.open();
      event = new Event(Path.of(names));
      tally = new Tally(event.cells);
      pass = Pass.current;
    }

    @Override
    public void processElement(StreamRecord<byte[]> element) throws Exception {
      pass.meet();
      event.read(element.getValue());
      tally.add(event);
      pass.count();
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpoint) {
      send();
    }

    @Override
    public void finish() throws Exception {
      send();
      super.finish();
    }

    private void send() {
      StreamRecord<long[]> record = new StreamRecord<>(null);
      tally.drain(
          (start, counts) -> {
            for (int at = 0; at < counts.length; at += Tally.COUNTS) {
              if (counts[at] > 0) {
                long cell = at / Tally.COUNTS;
                long[] sums = {
                  start, cell, counts[at], counts[at + 1], counts[at + 2], counts[at + 3]
                };
                output.collect(record.replace(sums));
              }
            }
          });
    }
  }

  /** Adds sums to the panes of their cell, on all levels, and says what they are now. */
  private static final class Count extends KeyedProcessFunction<Long, long[], long[]> {
    private transient MapState<Long, long[]> panes;

    @Override
    public void open(OpenContext context) {
      panes = getRuntimeContext().getMapState(new MapStateDescriptor<>("panes", Types.LONG, NUMBERS));
    }

    @Override
    public void processElement(long[] sums, Context context, Collector<long[]> out)
        throws Exception {
      for (int level = 0; level < Tally.LEVELS.length; level++) {
        int seconds = Tally.LEVELS[level];
        long start = Math.floorDiv(sums[0], seconds) * seconds;
        long key = start * Tally.LEVELS.length + level;
        long[] before = panes.get(key);
        long[] row = {seconds, start, sums[1], sums[2], sums[3], sums[4], sums[5]};
        if (before != null) {
          for (int index = 0; index < Tally.COUNTS; index++) {
            row[3 + index] += before[3 + index];
          }
        }
        panes.put(key, row);
        out.collect(row);
      }
    }
  }

  /** Where the results go: the last one of a pane and cell stands. */
  private static final class Latest implements Sink<long[]> {
    @Override
    public SinkWriter<long[]> createWriter(WriterInitContext context) {
      return new SinkWriter<>() {
        @Override
        public void write(long[] row, Context each) {
          RESULTS.put(List.of(row[0], row[1], row[2]), row);
        }

        @Override
        public void flush(boolean endOfInput) {}

        @Override
        public void close() {}
      };
    }
  }
}
