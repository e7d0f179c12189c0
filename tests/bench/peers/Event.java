package peers;

import com.dslplatform.json.DslJson;
import com.dslplatform.json.JsonReader;
import com.dslplatform.json.NumberConverter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * One usage event, classified. An object is filled anew for each record, so that none is garbage.
 *
 * <p>dsl-json because it is the fastest of those tried on these events, one core, warm: 220 ns, where
 * fastjson2 took 260 ns and jackson-core's streaming parser 420 ns. It hashes a string while it passes
 * over it, so that a model's name is looked up without becoming a String.
 */
final class Event {
  /** Start of the request, unix seconds. */
  double seconds;

  /** Number of the origin and language: {@code origin * languages + language}. */
  int cell;

  long prompt;
  long completion;

  private final JsonReader<Object> reader = new DslJson<Object>().newReader();
  private final Numbers models = new Numbers();
  private final Numbers languages = new Numbers();
  private final int languageCount;

  /** Cells are below this. */
  final int cells;

  /**
   * @param names made from tokenshare's catalogue: lines of kind, name and number, separated by tabs.
   *     The empty name has the number of whatever is not listed.
   */
  Event(Path names) {
    Map<String, Integer> counts = new HashMap<>();
    try {
      for (String line : Files.readAllLines(names)) {
        String[] parts = line.split("\t");
        int number = Integer.parseInt(parts[2]);
        switch (parts[0]) {
          case "model" -> models.put(parts[1], number);
          case "language" -> languages.put(parts[1], number);
          default -> counts.put(parts[0], number);
        }
      }
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
    languageCount = counts.get("languages");
    cells = counts.get("origins") * languageCount;
  }

  /** Fills this event from a record's value. */
  void read(byte[] value) throws IOException {
    JsonReader<Object> json = reader;
    json.process(value, value.length);
    int model = models.absent;
    int language = languages.absent;
    if (json.getNextToken() != '{') {
      throw json.newParseError("an event is an object");
    }
    byte token = json.getNextToken();
    while (token == '"') {
      int name = json.fillName();
      token = json.getNextToken();
      if (name == TS && json.wasLastName("ts")) {
        seconds = NumberConverter.deserializeDouble(json);
      } else if (name == MODEL && json.wasLastName("model")) {
        model = models.read(json);
      } else if (name == PROMPT && json.wasLastName("prompt_tokens")) {
        prompt = NumberConverter.deserializeLong(json);
      } else if (name == COMPLETION && json.wasLastName("completion_tokens")) {
        completion = NumberConverter.deserializeLong(json);
      } else if (name == LANGUAGE && json.wasLastName("language")) {
        language = languages.read(json);
      } else {
        token = json.skip();
        if (token != ',') {
          break;
        }
        token = json.getNextToken();
        continue;
      }
      token = json.getNextToken();
      if (token != ',') {
        break;
      }
      token = json.getNextToken();
    }
    if (token != '}') {
      throw json.newParseError("an object ends with a brace");
    }
    cell = model * languageCount + language;
  }

  private static final int TS = hash("ts");
  private static final int MODEL = hash("model");
  private static final int PROMPT = hash("prompt_tokens");
  private static final int COMPLETION = hash("completion_tokens");
  private static final int LANGUAGE = hash("language");

  /** The hash that dsl-json makes of a name (FNV-1a). */
  private static int hash(String name) {
    int hash = 0x811c9dc5;
    for (int index = 0; index < name.length(); index++) {
      hash = (hash ^ name.charAt(index)) * 0x1000193;
    }
    return hash;
  }

  /** Numbers by name, in a table of open addresses that is found by dsl-json's own hash. */
  private static final class Numbers {
    private static final int SLOTS = 1024;

    int absent;
    private final String[] names = new String[SLOTS];
    private final int[] numbers = new int[SLOTS];

    void put(String name, int number) {
      if (name.isEmpty()) {
        absent = number;
        return;
      }
      int slot = hash(name) & (SLOTS - 1);
      while (names[slot] != null) {
        slot = (slot + 1) & (SLOTS - 1);
      }
      names[slot] = name;
      numbers[slot] = number;
    }

    int read(JsonReader<Object> json) throws IOException {
      int slot = json.calcHash() & (SLOTS - 1);
      while (names[slot] != null) {
        if (json.wasLastName(names[slot])) {
          return numbers[slot];
        }
        slot = (slot + 1) & (SLOTS - 1);
      }
      return absent;
    }
  }
}
