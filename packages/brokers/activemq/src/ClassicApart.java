import java.io.File;
import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.plugin.StatisticsBrokerPlugin;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

/** ActiveMQ Classic for tests, `WAY DIRECTORY`: `plain` is one that was set up without its statistics, `small` one that is soon full. */
public class ClassicApart {
    public static void main(String[] words) throws Exception {
        var broker = new BrokerService();
        broker.setUseJmx(false);
        var store = new KahaDBPersistenceAdapter();
        store.setDirectory(new File(words[1]));
        store.setJournalMaxFileLength(256 * 1024);
        // Files of which nothing is left go soon.
        store.setCleanupInterval(500);
        broker.setPersistenceAdapter(store);
        if (words[0].equals("small")) {
            broker.setPlugins(new BrokerPlugin[] {new StatisticsBrokerPlugin()});
            broker.getSystemUsage().getStoreUsage().setLimit(2 * 1024 * 1024);
        }
        broker.addConnector("amqp://127.0.0.1:0");
        broker.start();
        System.out.println("READY " + broker.getTransportConnectors().get(0).getConnectUri().getPort());
        // It ends with whoever started it.
        while (System.in.read() != -1) {}
        broker.stop();
    }
}
