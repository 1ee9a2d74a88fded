import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** A node of OpenSearch as its jars are, without the distribution around them: FOLDER PORT. */
public final class Server extends Node {
  private Server(Settings settings) {
    super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "bench"), List.of(Netty4Plugin.class), true);
  }

  public static void main(String[] words) throws Exception {
    Settings settings = Settings.builder()
        .put("path.home", words[0])
        .put("http.host", "127.0.0.1")
        .put("http.port", words[1])
        .put("transport.host", "127.0.0.1")
        .put("transport.port", "0")
        .put("transport.type", "netty4")
        .put("http.type", "netty4")
        .put("discovery.type", "single-node")
        .put("cluster.name", "bench")
        .build();
    new Server(settings).start();
    Thread.currentThread().join();
  }
}
