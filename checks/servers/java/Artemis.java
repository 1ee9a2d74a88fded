import java.io.FileReader;
import java.util.Properties;
import java.util.Set;
import org.apache.activemq.artemis.api.core.RoutingType;
import org.apache.activemq.artemis.core.config.impl.ConfigurationImpl;
import org.apache.activemq.artemis.core.config.impl.SecurityConfiguration;
import org.apache.activemq.artemis.core.security.Role;
import org.apache.activemq.artemis.core.server.JournalType;
import org.apache.activemq.artemis.core.server.embedded.EmbeddedActiveMQ;
import org.apache.activemq.artemis.core.settings.impl.AddressSettings;
import org.apache.activemq.artemis.spi.core.security.ActiveMQJAASSecurityManager;
import org.apache.activemq.artemis.spi.core.security.jaas.InVMLoginModule;

/** ActiveMQ Artemis as one process: `java Artemis FILE`, a file of properties. Settings of the broker begin with `broker.`. */
public class Artemis {
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
    var name = told.getProperty("name");
    var configuration = new ConfigurationImpl();
    configuration
        .setPersistenceEnabled(true)
        .setSecurityEnabled(name != null)
        .setJournalType(JournalType.NIO)
        .setJournalDirectory(directory + "/journal")
        .setBindingsDirectory(directory + "/bindings")
        .setLargeMessagesDirectory(directory + "/large")
        .setPagingDirectory(directory + "/paging");
    // Settings of what clients connect to begin with `connector.`.
    var connector = new StringBuilder("?protocols=AMQP");
    for (var key : told.stringPropertyNames()) {
      if (key.startsWith("connector.")) connector.append("&").append(key.substring("connector.".length())).append("=").append(told.getProperty(key));
    }
    configuration.addAcceptorConfiguration("amqp", "tcp://127.0.0.1:" + told.getProperty("port") + connector);
    configuration.addAddressSetting(
        "#",
        new AddressSettings()
            .setAutoCreateQueues(true)
            .setAutoCreateAddresses(true)
            .setDefaultAddressRoutingType(RoutingType.ANYCAST)
            .setDefaultQueueRoutingType(RoutingType.ANYCAST));
    var settings = new Properties();
    for (var key : told.stringPropertyNames()) {
      if (key.startsWith("broker.")) settings.put(key.substring("broker.".length()), told.getProperty(key));
    }
    configuration.parsePrefixedProperties(settings, null);
    var server = new EmbeddedActiveMQ();
    if (name != null) {
      configuration.putSecurityRoles("#", Set.of(new Role("all", true, true, true, true, true, true, true, true, true, true)));
      var accounts = new SecurityConfiguration();
      accounts.addUser(name, told.getProperty("password"));
      accounts.addRole(name, "all");
      server.setSecurityManager(new ActiveMQJAASSecurityManager(InVMLoginModule.class.getName(), accounts));
    }
    server.setConfiguration(configuration);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        server.stop();
      } catch (Exception failure) {
        failure.printStackTrace();
      }
    }));
    server.start();
    System.out.println("READY");
    Thread.currentThread().join();
  }
}
