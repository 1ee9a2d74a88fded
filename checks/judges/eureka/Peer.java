package judge;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestTemplate;

/** Spring's own Eureka server, or an application that knows nothing but Eureka, by the first word it is given. */
public class Peer {
  public static void main(String[] words) {
    String[] rest = Arrays.copyOfRange(words, 1, words.length);
    SpringApplication.run(words[0].equals("server") ? Server.class : App.class, rest);
  }

  @Configuration
  @EnableAutoConfiguration
  @EnableEurekaServer
  static class Server {}

  @Configuration
  @EnableAutoConfiguration
  @Import(Api.class)
  static class App {
    @Bean
    @LoadBalanced
    RestTemplate http() {
      return new RestTemplate();
    }
  }

  @RestController
  static class Api {
    @Autowired DiscoveryClient discovery;
    @Autowired RestTemplate http;
    @Autowired Environment environment;

    @GetMapping("/hello")
    String hello() {
      return "hello from java";
    }

    @GetMapping("/services")
    List<String> services() {
      return discovery.getServices();
    }

    @GetMapping("/found/{service}")
    List<String> found(@PathVariable("service") String service) {
      return discovery.getInstances(service).stream().map(one -> one.getUri() + " " + one.getMetadata().get("zone")).toList();
    }

    @GetMapping("/call/{service}")
    String call(@PathVariable("service") String service, @RequestParam("path") String path) {
      return http.getForObject("http://" + service + path, String.class);
    }

    /** What somebody else's contract says of it: what is left, and who says so. */
    @GetMapping("/stock/{sku}")
    Map<String, Object> stock(
        @PathVariable("sku") String sku,
        @RequestParam(name = "places", required = false) List<String> places,
        @RequestHeader(name = "traceparent", required = false) String trace) {
      String port = environment.getProperty("local.server.port");
      return Map.of("sku", sku, "left", 3, "places", places == null ? List.of() : places, "by", port, "traced", trace != null);
    }

    record Reservation(int count) {}

    @PostMapping("/stock/{sku}/reservations")
    ResponseEntity<Object> reserve(@PathVariable("sku") String sku, @RequestBody Reservation wanted) {
      if (wanted.count() <= 3) return ResponseEntity.status(HttpStatus.CREATED).body(Map.of("reserved", wanted.count()));
      ProblemDetail problem = ProblemDetail.forStatusAndDetail(HttpStatus.CONFLICT, "Only 3 are left");
      problem.setProperty("code", "OUT_OF_STOCK");
      problem.setProperty("data", Map.of("sku", sku, "left", 3));
      return ResponseEntity.status(HttpStatus.CONFLICT).body(problem);
    }

    @PostMapping("/stock/count")
    String broken() {
      throw new IllegalStateException("the password is 123");
    }
  }
}
