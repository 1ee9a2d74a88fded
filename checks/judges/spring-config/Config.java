package judge;

import java.util.Arrays;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.cloud.config.server.EnableConfigServer;
import org.springframework.cloud.context.config.annotation.RefreshScope;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Spring's own configuration server, or an application that gets its settings from one, by the first word it is given. */
public class Config {
  public static void main(String[] words) {
    String[] rest = Arrays.copyOfRange(words, 1, words.length);
    SpringApplication.run(words[0].equals("server") ? Server.class : App.class, rest);
  }

  @Configuration
  @EnableAutoConfiguration
  @EnableConfigServer
  static class Server {}

  @Configuration
  @EnableAutoConfiguration
  @Import(Api.class)
  static class App {
    @Bean
    @RefreshScope
    Greeting greeting(@Value("${greeting:none}") String text) {
      return new Greeting(text);
    }
  }

  static class Greeting {
    private final String text;

    Greeting(String text) {
      this.text = text;
    }

    // What is refreshed is taken through a proxy, which needs a constructor without arguments.
    Greeting() {
      this("");
    }

    String text() {
      return text;
    }
  }

  @RestController
  static class Api {
    @Autowired Greeting greeting;
    @Autowired Environment environment;

    @GetMapping("/greeting")
    String greeting() {
      return greeting.text();
    }

    @GetMapping("/property")
    String property(@RequestParam("key") String key) {
      return String.valueOf(environment.getProperty(key));
    }
  }
}
