import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import au.com.dius.pact.consumer.dsl.PactBuilder;
import au.com.dius.pact.consumer.dsl.PactDslJsonBody;
import au.com.dius.pact.core.model.PactSpecVersion;
import au.com.dius.pact.core.model.V4Interaction;
import au.com.dius.pact.provider.MessageAndMetadata;
import au.com.dius.pact.provider.PactVerifyProvider;
import au.com.dius.pact.provider.junit5.HttpTestTarget;
import au.com.dius.pact.provider.junit5.MessageTestTarget;
import au.com.dius.pact.provider.junit5.PactVerificationContext;
import au.com.dius.pact.provider.junit5.PactVerificationInvocationContextProvider;
import au.com.dius.pact.provider.junitsupport.Provider;
import au.com.dius.pact.provider.junitsupport.State;
import au.com.dius.pact.provider.junitsupport.loader.PactFolder;
import java.io.PrintWriter;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestTemplate;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** Pact JVM verifies a provider by the pacts in "pacts" (`verify URL`), and writes one of a consumer (`write FOLDER`). */
@Provider("prices")
@PactFolder("pacts")
public class Pacts {
  public static void main(String[] words) {
    if (words[0].equals("write")) {
      write(words[1]);
      return;
    }
    System.setProperty("judge.url", words[1]);
    var summary = new SummaryGeneratingListener();
    LauncherFactory.create()
        .execute(LauncherDiscoveryRequestBuilder.request().selectors(selectClass(Pacts.class)).build(), summary);
    var found = summary.getSummary();
    found.printFailuresTo(new PrintWriter(System.out), 3);
    System.out.println(found.getTestsSucceededCount() + " succeeded, " + found.getTestsFailedCount() + " failed");
    System.exit(found.getTestsFailedCount() == 0 && found.getTestsSucceededCount() > 0 ? 0 : 1);
  }

  static String url() {
    return System.getProperty("judge.url");
  }

  @BeforeEach
  void target(PactVerificationContext context) {
    if (context.getInteraction() instanceof V4Interaction.AsynchronousMessage)
      context.setTarget(new MessageTestTarget(List.of()));
    else context.setTarget(new HttpTestTarget("127.0.0.1", URI.create(url()).getPort()));
  }

  @TestTemplate
  @ExtendWith(PactVerificationInvocationContextProvider.class)
  void verify(PactVerificationContext context) {
    context.verifyInteraction();
  }

  @State("a price")
  void price(Map<String, Object> params) throws Exception {
    var request =
        HttpRequest.newBuilder(URI.create(url() + "/prices/" + params.get("sku")))
            .header("content-type", "application/json")
            .PUT(HttpRequest.BodyPublishers.ofString("{\"cents\":7}"))
            .build();
    var answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() >= 300) throw new IllegalStateException(answer.body());
  }

  @State("no prices")
  void noPrices() {}

  @PactVerifyProvider("event price.changed")
  public MessageAndMetadata changed() {
    var said = "{\"sku\":\"cup\",\"cents\":3,\"by\":\"nobody\"}".getBytes(StandardCharsets.UTF_8);
    return new MessageAndMetadata(said, Map.of("type", "price.changed", "contentType", "application/json"));
  }

  static void write(String folder) {
    var price = new PactDslJsonBody().stringType("sku", "tea").integerType("cents", 5L).stringMatcher("currency", "EUR|KRW", "EUR");
    price.datetime("since", "yyyy-MM-dd'T'HH:mm:ss.SSSX");
    price.minArrayLike("steps", 1).integerType("from", 1L).numberType("cents", 1L).closeObject().closeArray();
    var problem = new PactDslJsonBody().stringValue("code", "UNKNOWN_PRODUCT");
    problem.object("data").eachLike("near", au.com.dius.pact.consumer.dsl.PactDslJsonRootValue.stringType("x")).closeObject();
    var changed = new PactDslJsonBody().stringType("sku", "x").integerType("cents", 1L);
    var pact =
        new PactBuilder("pact-jvm", "prices", PactSpecVersion.V4)
            .given("a price", Map.of("sku", "tea"))
            .expectsToReceiveHttpInteraction(
                "the price of tea",
                http ->
                    http.withRequest(request -> request.method("GET").path("/prices/tea"))
                        .willRespondWith(answer -> answer.status(200).body(price)))
            .given("no prices")
            .expectsToReceiveHttpInteraction(
                "no price",
                http ->
                    http.withRequest(request -> request.method("GET").path("/prices/none"))
                        .willRespondWith(answer -> answer.status(404).headers(Map.of("content-type", "application/problem+json")).body(problem)))
            .expectsToReceiveMessageInteraction(
                "a changed price",
                message -> message.withContents(contents -> contents.withContent(changed).withMetadata(Map.of("type", "price.changed"))))
            .toPact();
    var result = pact.write(folder, PactSpecVersion.V4);
    System.out.println(result);
    System.exit(0);
  }
}
