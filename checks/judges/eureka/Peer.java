package judge;

import java.util.Arrays;
import java.util.List;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.cloud.client.discovery.DiscoveryClient;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
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
  }
}
