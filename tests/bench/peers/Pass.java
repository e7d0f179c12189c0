package peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One reading of the whole topic: counts the events, and takes the time from the first to the last.
 *
 * <p>A process makes several passes, each with an application of its own and from the beginning of the
 * topic; what stays is the compiled code. So the later ones show a JVM that is warm.
 */
final class Pass {
  private static final long PATIENCE_SECONDS = 150;

  // Flink makes its operators from serialized ones, so they cannot be given the pass.
  static volatile Pass current;

  private final long events;
  private final CountDownLatch done = new CountDownLatch(1);
  private long counted;
  private long startNanos;
  private double startCpu;
  private volatile double wallSeconds;
  private volatile double cpuSeconds;
  private volatile boolean isReported;

  Pass(long events) {
    this.events = events;
    current = this;
  }

  /** An event has come; the first one starts the clock. By the one thread that reads them. */
  void meet() {
    if (startNanos == 0) {
      startNanos = System.nanoTime();
      startCpu = cpu();
    }
  }

  /** An event has been counted; the last one stops the clock. By the one thread that counts. */
  void count() {
    if (++counted == events) {
      cpuSeconds = cpu() - startCpu;
      wallSeconds = (System.nanoTime() - startNanos) / 1e9;
      done.countDown();
    }
  }

  boolean isReported() {
    return isReported;
  }

  private void await() throws Exception {
    if (!done.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      throw new TimeoutException("counted " + counted + " of " + events + " events");
    }
  }

  /** Waits until the written panes hold every event: a wrong count ends in an error here. */
  List<long[]> await(Panes panes) throws Exception {
    await();
    long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    List<long[]> rows = panes.read();
    while (missing(rows) != 0 && System.nanoTime() < deadline) {
      Thread.sleep(50);
      rows = panes.read();
    }
    return rows;
  }

  private long missing(List<long[]> rows) {
    long[] found = new long[Tally.LEVELS.length];
    for (long[] row : rows) {
      for (int level = 0; level < found.length; level++) {
        found[level] += row[0] == Tally.LEVELS[level] ? row[3] : 0;
      }
    }
    long missing = 0;
    for (long each : found) {
      missing += Math.abs(events - each);
    }
    return missing;
  }

  /** Tells peers.py what it took, and what was counted: a line of JSON. */
  void report(List<long[]> rows) throws IOException {
    isReported = true;
    List<String> panes = new ArrayList<>();
    for (long[] row : rows) {
      StringJoiner joined = new StringJoiner(",", "[", "]");
      for (long each : row) {
        joined.add(Long.toString(each));
      }
      panes.add(joined.toString());
    }
    System.out.printf(
        "{\"cpu_seconds\":%f,\"wall_seconds\":%f,\"rss_mb\":%f,\"peak_rss_mb\":%f,\"panes\":[%s]}%n",
        cpuSeconds, wallSeconds, memory("VmRSS"), memory("VmHWM"), String.join(",", panes));
  }

  /** User and system time of all threads, as /proc/PID/stat has it. */
  private static double cpu() {
    return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos() / 1e9;
  }

  private static double memory(String name) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(name + ":")) {
        return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
      }
    }
    return Double.NaN;
  }

  /** Rows of level, start and cell, then the four counts. */
  interface Panes {
    List<long[]> read();
  }
}
