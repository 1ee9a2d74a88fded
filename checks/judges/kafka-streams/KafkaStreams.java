import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.Properties;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/**
 * Runs topologies of Kafka Streams over given records with its TopologyTestDriver. A line of the input is a case, `{ kind, size,
 * advance, before, after, grace, records: [{ side, key, value, time }] }`, and a line of the output what it said, in order:
 * `[{ key, value, time, start?, end? }]`, after each record `step` of them.
 */
public final class KafkaStreams {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ValueJoiner<String, String, String> PAIR = (left, right) -> left + "+" + right;
  /** How many there were, and their sum: what does not depend on their order. */
  private static final Initializer<String> NOTHING = () -> "0/0";
  private static final Aggregator<String, String, String> ADDED =
      (key, value, sum) -> merged(sum, "1/" + value);

  private KafkaStreams() {}

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(JSON.writeValueAsString(run(JSON.readTree(line))));
    }
    out.flush();
  }

  private static ArrayNode run(JsonNode asked) throws Exception {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "judge");
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "localhost:1");
    settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
    // After each record it writes to the disk what it has there, and waits.
    settings.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG, BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("judge").toString());
    // Results of outer joins wait for the clock otherwise, and there is none here.
    settings.put("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0);
    ArrayNode said = JSON.createArrayNode();
    boolean windowed = asked.get("kind").asText().startsWith("window");
    try (TopologyTestDriver driver = new TopologyTestDriver(topology(asked), settings, Instant.EPOCH)) {
      var left = driver.createInputTopic("left", new StringSerializer(), new StringSerializer());
      var right = driver.createInputTopic("right", new StringSerializer(), new StringSerializer());
      var plain = driver.createOutputTopic("out", new StringDeserializer(), new StringDeserializer());
      int step = 0;
      for (JsonNode record : asked.get("records")) {
        var topic = record.get("side").asText().equals("left") ? left : right;
        topic.pipeInput(text(record.get("key")), text(record.get("value")), record.get("time").asLong());
        if (windowed) {
          Deserializer<Windowed<String>> keys = keys(asked);
          var out = driver.createOutputTopic("out", keys, new StringDeserializer());
          for (var one : out.readRecordsToList()) {
            ObjectNode node = node(said, step, one.key().key(), one.value(), one.timestamp());
            node.put("start", one.key().window().start());
            node.put("end", one.key().window().end());
          }
        } else {
          for (var one : plain.readRecordsToList()) {
            node(said, step, one.key(), one.value(), one.timestamp());
          }
        }
        step += 1;
      }
    }
    return said;
  }

  private static ObjectNode node(ArrayNode said, int step, String key, String value, long time) {
    return said.addObject().put("step", step).put("key", key).put("value", value).put("time", time);
  }

  private static Topology topology(JsonNode asked) {
    StreamsBuilder builder = new StreamsBuilder();
    String kind = asked.get("kind").asText();
    if (kind.startsWith("window")) {
      windows(builder, asked).toStream().to("out", org.apache.kafka.streams.kstream.Produced.keySerde(serde(asked)));
      builder.<String, String>stream("right");
      return builder.build();
    }
    joined(builder, asked, kind).to("out");
    return builder.build();
  }

  private static KStream<String, String> joined(StreamsBuilder builder, JsonNode asked, String kind) {
    switch (kind) {
      case "stream-stream inner":
        return stream(builder, "left").join(stream(builder, "right"), PAIR, within(asked));
      case "stream-stream left":
        return stream(builder, "left").leftJoin(stream(builder, "right"), PAIR, within(asked));
      case "stream-stream outer":
        return stream(builder, "left").outerJoin(stream(builder, "right"), PAIR, within(asked));
      case "stream-table inner":
        return stream(builder, "left").join(table(builder, "right"), PAIR);
      case "stream-table left":
        return stream(builder, "left").leftJoin(table(builder, "right"), PAIR);
      case "table-table inner":
        return table(builder, "left").join(table(builder, "right"), PAIR).toStream();
      case "table-table left":
        return table(builder, "left").leftJoin(table(builder, "right"), PAIR).toStream();
      case "table-table outer":
        return table(builder, "left").outerJoin(table(builder, "right"), PAIR).toStream();
      // The left value says which right key it means: what stands before its colon.
      case "foreign-key inner":
        return table(builder, "left").join(table(builder, "right"), KafkaStreams::meant, PAIR).toStream();
      case "foreign-key left":
        return table(builder, "left").leftJoin(table(builder, "right"), KafkaStreams::meant, PAIR).toStream();
      default:
        throw new IllegalArgumentException("unknown kind " + kind);
    }
  }

  private static KTable<Windowed<String>, String> windows(StreamsBuilder builder, JsonNode asked) {
    String kind = asked.get("kind").asText();
    Duration size = Duration.ofMillis(asked.path("size").asLong());
    Duration grace = Duration.ofMillis(asked.path("grace").asLong());
    var grouped = stream(builder, "left").groupByKey();
    boolean last = kind.endsWith(" final");
    KTable<Windowed<String>, String> result;
    if (kind.startsWith("window session")) {
      result =
          grouped
              .windowedBy(SessionWindows.ofInactivityGapAndGrace(size, grace))
              .aggregate(
                  NOTHING, ADDED, (key, one, other) -> merged(one, other), Materialized.with(Serdes.String(), Serdes.String()));
    } else if (kind.startsWith("window sliding")) {
      result =
          grouped
              .windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(size, grace))
              .aggregate(NOTHING, ADDED, Materialized.with(Serdes.String(), Serdes.String()));
    } else {
      TimeWindows windows = TimeWindows.ofSizeAndGrace(size, grace);
      if (kind.startsWith("window hopping")) {
        windows = windows.advanceBy(Duration.ofMillis(asked.get("advance").asLong()));
      }
      result = grouped.windowedBy(windows).aggregate(NOTHING, ADDED, Materialized.with(Serdes.String(), Serdes.String()));
    }
    return last ? result.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded())) : result;
  }

  private static KStream<String, String> stream(StreamsBuilder builder, String side) {
    return builder.stream(side);
  }

  private static KTable<String, String> table(StreamsBuilder builder, String side) {
    return builder.table(side);
  }

  private static JoinWindows within(JsonNode asked) {
    return JoinWindows.ofTimeDifferenceAndGrace(Duration.ZERO, Duration.ofMillis(asked.get("grace").asLong()))
        .before(Duration.ofMillis(asked.get("before").asLong()))
        .after(Duration.ofMillis(asked.get("after").asLong()));
  }

  private static String meant(String value) {
    return value.substring(0, value.indexOf(':'));
  }

  private static org.apache.kafka.common.serialization.Serde<Windowed<String>> serde(JsonNode asked) {
    if (asked.get("kind").asText().startsWith("window session")) return WindowedSerdes.sessionWindowedSerdeFrom(String.class);
    return WindowedSerdes.timeWindowedSerdeFrom(String.class, asked.get("size").asLong());
  }

  private static Deserializer<Windowed<String>> keys(JsonNode asked) {
    return serde(asked).deserializer();
  }

  private static String merged(String one, String other) {
    String[] a = one.split("/");
    String[] b = other.split("/");
    return (Long.parseLong(a[0]) + Long.parseLong(b[0])) + "/" + (Long.parseLong(a[1]) + Long.parseLong(b[1]));
  }

  private static String text(JsonNode node) {
    return node == null || node.isNull() ? null : node.asText();
  }
}
