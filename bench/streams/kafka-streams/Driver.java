import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;
import org.apache.kafka.streams.test.TestRecord;

/** `java Driver PROBE COUNT`: what kafkats.js does, by Kafka Streams in its own test driver. Its stores are in memory. */
public final class Driver {
  private static final ObjectMapper JSON = new ObjectMapper();
  /** Records between looks at what was written: the driver keeps all of it. */
  private static final int DRAIN = 10_000;

  private Driver() {}

  public static final class Order {
    public String id;
    public long n;
  }

  public record Doubled(String id, long doubled) {}

  public static void main(String[] arguments) throws Exception {
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "bench");
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "localhost:1");
    settings.put(StreamsConfig.DSL_STORE_SUPPLIERS_CLASS_CONFIG, BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers.class);
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("bench").toString());
    int count = Integer.parseInt(arguments[1]);
    List<TestRecord<String, byte[]>> records = new ArrayList<>(count);
    for (int n = 0; n < count; n++) {
      byte[] value = ("{\"id\":\"order-" + n + "\",\"n\":" + n + "}").getBytes(StandardCharsets.UTF_8);
      records.add(new TestRecord<>("k" + (n * 7919L) % 1000, value, null, 1_000_000_000_000L + n));
    }
    try (TopologyTestDriver driver = new TopologyTestDriver(topology(arguments[0]), settings)) {
      var in = driver.createInputTopic("in", new StringSerializer(), new ByteArraySerializer());
      var out = driver.createOutputTopic("out", new StringDeserializer(), new ByteArrayDeserializer());
      long begun = System.nanoTime();
      for (int n = 0; n < count; n++) {
        in.pipeInput(records.get(n));
        if (n % DRAIN == 0 && !out.isEmpty()) out.readValuesToList();
      }
      System.out.println("{\"perSecond\":" + count * 1e9 / (System.nanoTime() - begun) + "}");
    }
    // Its threads would go on.
    System.exit(0);
  }

  private static Topology topology(String probe) {
    StreamsBuilder builder = new StreamsBuilder();
    Serde<Order> orders = json(Order.class);
    var in = builder.stream("in", Consumed.with(Serdes.String(), orders));
    var grouped = in.groupByKey(Grouped.with(Serdes.String(), orders));
    switch (probe) {
      case "filter_map" ->
          in.filter((key, order) -> order.n % 2 == 0)
              .mapValues(order -> new Doubled(order.id, order.n * 2))
              .to("out", Produced.with(Serdes.String(), json(Doubled.class)));
      case "count" -> grouped.count().toStream().to("out", Produced.with(Serdes.String(), json(Long.class)));
      default ->
          grouped
              .windowedBy(SessionWindows.ofInactivityGapWithNoGrace(Duration.ofSeconds(10)))
              .count()
              .toStream()
              .foreach((key, value) -> {});
    }
    return builder.build();
  }

  private static <T> Serde<T> json(Class<T> of) {
    Serializer<T> writing =
        (topic, value) -> {
          try {
            return value == null ? null : JSON.writeValueAsBytes(value);
          } catch (Exception failure) {
            throw new IllegalStateException(failure);
          }
        };
    Deserializer<T> reading =
        (topic, bytes) -> {
          try {
            return bytes == null ? null : JSON.readValue(bytes, of);
          } catch (Exception failure) {
            throw new IllegalStateException(failure);
          }
        };
    return Serdes.serdeFrom(writing, reading);
  }
}
