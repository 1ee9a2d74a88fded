import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Kafka's own Java client, which knows nothing of Dure: takes work from a queue, and sends an event and work as plain JSON. */
class Foreign {
    public static void main(String[] words) throws Exception {
        var settings = new Properties();
        settings.put("bootstrap.servers", words[0]);
        if (words[1].equals("send")) send(settings);
        else take(settings, Integer.parseInt(words[2]));
    }

    static void send(Properties settings) throws Exception {
        settings.put("key.serializer", StringSerializer.class.getName());
        settings.put("value.serializer", StringSerializer.class.getName());
        try (var producer = new KafkaProducer<String, String>(settings)) {
            producer.send(new ProducerRecord<>("payment.settled", "ö-1", "{\"order\":\"ö-1\"}")).get();
            producer.send(new ProducerRecord<>("queue.refund", null, "{\"order\":\"ö-2\"}")).get();
        }
    }

    static void take(Properties settings, int count) {
        settings.put("key.deserializer", StringDeserializer.class.getName());
        settings.put("value.deserializer", StringDeserializer.class.getName());
        settings.put("group.id", "printers");
        settings.put("auto.offset.reset", "earliest");
        try (var consumer = new KafkaConsumer<String, String>(settings)) {
            consumer.subscribe(List.of("queue.print"));
            for (int taken = 0; taken < count; ) {
                for (var one : consumer.poll(Duration.ofSeconds(1))) {
                    var type = new String(one.headers().lastHeader("ce_type").value(), StandardCharsets.UTF_8);
                    System.out.println(type + " " + one.value());
                    taken++;
                }
                consumer.commitSync();
            }
        }
    }
}
