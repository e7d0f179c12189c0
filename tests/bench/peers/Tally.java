package peers;

import java.util.HashMap;
import java.util.Map;

/**
 * What has been counted since it was last drained, by pane of ten seconds and by cell.
 *
 * <p>An event touches one array here. The coarser panes get the sums when this is drained, some times a
 * second, instead of three writes an event.
 */
final class Tally {
  /** Lengths of the panes, from fine to coarse. */
  static final int[] LEVELS = {10, 300, 3600};

  /** Requests, prompt tokens, completion tokens, sum of squared tokens. */
  static final int COUNTS = 4;

  private final int cells;
  private final Map<Long, long[]> panes = new HashMap<>();
  // Nearly always the pane of the event before.
  private long start = Long.MIN_VALUE;
  private long[] pane;

  Tally(int cells) {
    this.cells = cells;
  }

  void add(Event event) {
    long begin = (long) Math.floor(event.seconds / LEVELS[0]) * LEVELS[0];
    if (begin != start) {
      start = begin;
      pane = panes.computeIfAbsent(begin, key -> new long[COUNTS * cells]);
    }
    int at = COUNTS * event.cell;
    long tokens = event.prompt + event.completion;
    pane[at]++;
    pane[at + 1] += event.prompt;
    pane[at + 2] += event.completion;
    pane[at + 3] += tokens * tokens;
  }

  boolean isEmpty() {
    return panes.isEmpty();
  }

  /** Hands every pane over, and is empty then. */
  void drain(Taker taker) {
    panes.forEach(taker::take);
    panes.clear();
    start = Long.MIN_VALUE;
  }

  interface Taker {
    void take(long start, long[] counts);
  }
}
