import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * A service in Java that knows nothing of telemetry: the agent it runs with tells of it. It says its port, and ends in good order when its
 * input does.
 */
public final class Warehouse {
  private static final Logger LOG = Logger.getLogger("warehouse");

  public static void main(String[] words) throws Exception {
    var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/stock/", (exchange) -> {
      var product = exchange.getRequestURI().getPath().substring("/stock/".length());
      LOG.warning("Few are left of " + product);
      try {
        countOf(product);
      } catch (IllegalStateException error) {
        LOG.log(Level.SEVERE, "The shelf cannot be counted", error);
      }
      exchange.sendResponseHeaders(204, -1);
      exchange.close();
    });
    server.start();
    System.out.println(server.getAddress().getPort());
    System.in.read();
    System.exit(0);
  }

  private static int countOf(String product) {
    throw new IllegalStateException("Somebody counts " + product + " already");
  }
}
