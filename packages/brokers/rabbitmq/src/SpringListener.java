import java.net.URI;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.springframework.amqp.core.Message;
import org.springframework.amqp.rabbit.annotation.EnableRabbit;
import org.springframework.amqp.rabbit.annotation.RabbitListener;
import org.springframework.amqp.rabbit.config.SimpleRabbitListenerContainerFactory;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory.ConfirmType;
import org.springframework.amqp.rabbit.connection.ConnectionFactory;
import org.springframework.amqp.rabbit.connection.CorrelationData;
import org.springframework.amqp.rabbit.core.RabbitTemplate;
import org.springframework.amqp.support.AmqpHeaders;
import org.springframework.amqp.support.converter.Jackson2JsonMessageConverter;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.messaging.handler.annotation.Header;

/** An application with Spring AMQP, which knows nothing of Dure: listens to work, and then sends some, and an event, from its own types. */
@Configuration(proxyBeanMethods = false)
@EnableRabbit
public class SpringListener {
    public record Order(String order) {}

    static String address;
    static CountDownLatch awaited;

    public static void main(String[] words) throws Exception {
        address = words[0];
        var prefix = words[1];
        System.setProperty("prefix", prefix);
        awaited = new CountDownLatch(Integer.parseInt(words[2]));
        try (var context = new AnnotationConfigApplicationContext(SpringListener.class)) {
            if (!awaited.await(60, TimeUnit.SECONDS)) throw new AssertionError(awaited.getCount() + " more were awaited");
            var template = context.getBean(RabbitTemplate.class);
            send(template, prefix + ".queue.refund", "ö-2", Map.of());
            var event = Map.of("specversion", "1.0", "id", "spring-1", "source", "legacy", "type", "payment.settled", "partitionkey", "ö-3");
            send(template, prefix + ".topic.payment.settled-0", "ö-3", event);
        }
    }

    /** One fails at first, as listeners do: its work comes again. */
    @RabbitListener(queues = "${prefix}.queue.print")
    void work(Order order, @Header("cloudEvents_type") String type, @Header(AmqpHeaders.REDELIVERED) boolean again) {
        if (order.order().equals("ö-1") && !again) throw new IllegalStateException("the printer has no paper");
        synchronized (System.out) {
            System.out.println("work " + type + " " + order.order() + (again ? " again" : ""));
        }
        awaited.countDown();
    }

    /** Sends, and waits until the server has it. */
    static void send(RabbitTemplate template, String queue, String order, Map<String, String> attributes) throws Exception {
        var sent = new CorrelationData();
        template.convertAndSend("", queue, new Order(order), message -> named(message, attributes), sent);
        var confirm = sent.getFuture().get(30, TimeUnit.SECONDS);
        if (!confirm.isAck() || sent.getReturned() != null) throw new AssertionError(queue + " did not take it");
    }

    static Message named(Message message, Map<String, String> attributes) {
        attributes.forEach((name, value) -> message.getMessageProperties().setHeader("cloudEvents_" + name, value));
        return message;
    }

    @Bean
    ConnectionFactory connectionFactory() {
        var factory = new CachingConnectionFactory(URI.create(address));
        factory.setPublisherConfirmType(ConfirmType.CORRELATED);
        factory.setPublisherReturns(true);
        return factory;
    }

    @Bean
    SimpleRabbitListenerContainerFactory rabbitListenerContainerFactory(ConnectionFactory connection) {
        var factory = new SimpleRabbitListenerContainerFactory();
        factory.setConnectionFactory(connection);
        factory.setMessageConverter(new Jackson2JsonMessageConverter());
        return factory;
    }

    @Bean
    RabbitTemplate rabbitTemplate(ConnectionFactory connection) {
        var template = new RabbitTemplate(connection);
        template.setMandatory(true);
        template.setMessageConverter(new Jackson2JsonMessageConverter());
        return template;
    }
}
