import java.io.File;
import java.io.FileReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Properties;
import org.apache.activemq.broker.BrokerPlugin;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.plugin.StatisticsBrokerPlugin;
import org.apache.activemq.security.AuthenticationUser;
import org.apache.activemq.security.SimpleAuthenticationPlugin;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;
import org.apache.activemq.util.IntrospectionSupport;

/** ActiveMQ Classic as one process: `java ActiveMq FILE`, a file of properties. Settings of the broker begin with `broker.`. */
public class ActiveMq {
  public static void main(String[] arguments) {
    try {
      run(arguments[0]);
    } catch (Exception failure) {
      failure.printStackTrace();
      // Threads that were started already would go on.
      System.exit(1);
    }
  }

  private static void run(String path) throws Exception {
    var told = new Properties();
    try (var file = new FileReader(path)) {
      told.load(file);
    }
    var directory = told.getProperty("directory");
    var broker = new BrokerService();
    broker.setBrokerName("local");
    broker.setUseJmx(false);
    broker.setDataDirectory(directory);
    // What is delivered later.
    broker.setSchedulerSupport(true);
    var store = new KahaDBPersistenceAdapter();
    store.setDirectory(new File(directory, "messages"));
    broker.setPersistenceAdapter(store);
    // Clients ask it what there is, and how much of it.
    var plugins = new ArrayList<BrokerPlugin>(List.of(new StatisticsBrokerPlugin()));
    var name = told.getProperty("name");
    if (name != null) {
      var users = List.of(new AuthenticationUser(name, told.getProperty("password"), "users"));
      plugins.add(new SimpleAuthenticationPlugin(users));
    }
    broker.setPlugins(plugins.toArray(BrokerPlugin[]::new));
    var settings = new HashMap<String, Object>();
    for (var key : told.stringPropertyNames()) {
      if (key.startsWith("broker.")) settings.put(key.substring("broker.".length()), told.getProperty(key));
    }
    IntrospectionSupport.setProperties(broker, settings);
    if (!settings.isEmpty()) throw new IllegalArgumentException("A broker has no " + settings.keySet());
    // Settings of what clients connect to begin with `connector.`.
    var connector = new ArrayList<String>();
    for (var key : told.stringPropertyNames()) {
      if (key.startsWith("connector.")) connector.add(key.substring("connector.".length()) + "=" + told.getProperty(key));
    }
    broker.addConnector("amqp://127.0.0.1:" + told.getProperty("port") + "?" + String.join("&", connector));
    broker.start();
    broker.waitUntilStarted();
    System.out.println("READY");
    broker.waitUntilStopped();
  }
}
