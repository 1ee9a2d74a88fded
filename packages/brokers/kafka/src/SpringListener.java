import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.messaging.handler.annotation.Header;

/** An application with Spring Kafka, which knows nothing of Dure: listens to work and events, and then sends some as plain JSON. */
@Configuration(proxyBeanMethods = false)
@EnableKafka
public class SpringListener {
    static String address;
    static CountDownLatch awaited;

    public static void main(String[] words) throws Exception {
        address = words[0];
        awaited = new CountDownLatch(Integer.parseInt(words[1]));
        try (var context = new AnnotationConfigApplicationContext(SpringListener.class)) {
            if (!awaited.await(60, TimeUnit.SECONDS)) throw new AssertionError(awaited.getCount() + " more were awaited");
            var template = context.getBean(KafkaTemplate.class);
            template.send("payment.settled", "ö-1", "{\"order\":\"ö-1\"}").get();
            template.send("queue.refund", "{\"order\":\"ö-2\"}").get();
        }
    }

    @KafkaListener(groupId = "printers", topics = "queue.print")
    void work(String data, @Header("ce_type") String type) {
        heard("work " + type + " " + data);
    }

    @KafkaListener(groupId = "statistics", topics = "order.placed", concurrency = "2")
    void event(ConsumerRecord<String, String> record, @Header("ce_source") String source) {
        heard("event " + source + " " + record.key() + " " + record.value());
    }

    static synchronized void heard(String line) {
        System.out.println(line);
        awaited.countDown();
    }

    @Bean
    ConcurrentKafkaListenerContainerFactory<String, String> kafkaListenerContainerFactory() {
        var factory = new ConcurrentKafkaListenerContainerFactory<String, String>();
        var settings = settings("deserializer", StringDeserializer.class);
        settings.put("auto.offset.reset", "earliest");
        factory.setConsumerFactory(new DefaultKafkaConsumerFactory<>(settings));
        return factory;
    }

    @Bean
    KafkaTemplate<String, String> kafkaTemplate() {
        return new KafkaTemplate<>(new DefaultKafkaProducerFactory<>(settings("serializer", StringSerializer.class)));
    }

    static Map<String, Object> settings(String what, Class<?> how) {
        return new HashMap<>(Map.of("bootstrap.servers", address, "key." + what, how, "value." + what, how));
    }
}
