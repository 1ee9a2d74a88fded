import jakarta.jms.ConnectionFactory;
import jakarta.jms.JMSConsumer;
import jakarta.jms.JMSContext;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import java.util.ArrayList;
import org.apache.qpid.jms.JmsConnectionFactory;

/** An application with JMS, which knows nothing of Dure: reads events, takes work, and then sends some as plain JSON. */
public class JmsClient {
    static final int PARTITIONS = 4;
    static final long PATIENCE = 60_000;

    /** URL, `activemq` or `artemis`, how many events and how much work it has to take. */
    public static void main(String[] words) throws Exception {
        ConnectionFactory factory = new JmsConnectionFactory("guest", "guest", words[0]);
        try (JMSContext context = factory.createContext()) {
            var readers = new ArrayList<JMSConsumer>();
            for (int partition = 0; partition < PARTITIONS; partition++) {
                var topic = "VirtualTopic.shop.order.placed." + partition;
                // Each server has its own way to let several share what was published.
                if (words[1].equals("activemq")) readers.add(context.createConsumer(context.createQueue("Consumer.statistics." + topic)));
                else readers.add(context.createSharedDurableConsumer(context.createTopic(topic), "statistics." + partition));
            }
            var worker = context.createConsumer(context.createQueue("shop.queue.print"));
            System.out.println("ready");
            int events = Integer.parseInt(words[2]);
            for (long until = System.currentTimeMillis() + PATIENCE; events > 0; ) {
                if (System.currentTimeMillis() > until) throw new AssertionError(events + " more events were awaited");
                for (var reader : readers) {
                    var event = reader.receive(20);
                    if (event == null) continue;
                    events--;
                    System.out.println("event " + said(event, "source") + " " + said(event, "partitionkey") + " " + event.getBody(String.class));
                }
            }
            for (int work = Integer.parseInt(words[3]); work > 0; work--) {
                var one = worker.receive(PATIENCE);
                System.out.println("work " + said(one, "type") + " " + one.getBody(String.class));
            }
            var event = context.createTextMessage("{\"order\":\"ö-1\"}");
            event.setStringProperty("JMSXGroupID", "ö-1");
            context.createProducer().send(context.createTopic("VirtualTopic.shop.payment.settled.0"), event);
            context.createProducer().send(context.createQueue("shop.queue.refund"), "{\"order\":\"ö-2\"}");
        }
    }

    static String said(Message message, String attribute) throws JMSException {
        return message.getStringProperty("cloudEvents_" + attribute);
    }
}
