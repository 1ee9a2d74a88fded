import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneId;
import java.util.concurrent.TimeUnit;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.functions.ScalarFunction;

/**
 * `java Nexmark FOLDER`: Nexmark's queries by Flink's SQL in a cluster within this process, one after the other. The folder has
 * `events.json`, a document a line, and `qN.sql`; a line of the input is the name of a query, and of the output how many
 * milliseconds its job took. State is on the heap, everything runs in one slot.
 */
public final class Nexmark {
  private Nexmark() {}

  public static final class CountChar extends ScalarFunction {
    public long eval(String text, String character) {
      return text.chars().filter(one -> one == character.charAt(0)).count();
    }
  }

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    Configuration settings = new Configuration();
    settings.set(CoreOptions.DEFAULT_PARALLELISM, 1);
    settings.set(StateBackendOptions.STATE_BACKEND, "hashmap");
    TableEnvironment tables =
        TableEnvironment.create(EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings).build());
    tables.getConfig().setLocalTimeZone(ZoneId.of("UTC"));
    tables.createTemporarySystemFunction("count_char", CountChar.class);
    for (String statement : Files.readString(folder.resolve("tables.sql")).split(";")) {
      if (!statement.isBlank()) tables.executeSql(statement.replace("$FOLDER", folder.toUri().toString()));
    }
    System.out.println("ready");
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    for (String query = in.readLine(); query != null; query = in.readLine()) {
      try {
        System.out.println(run(tables, Files.readString(folder.resolve(query + ".sql"))));
      } catch (Exception failure) {
        System.out.println("failed: " + failure.getMessage().lines().findFirst().orElse(""));
      }
    }
    System.exit(0);
  }

  private static long run(TableEnvironment tables, String text) throws Exception {
    tables.executeSql("DROP TEMPORARY VIEW IF EXISTS answer");
    tables.createTemporaryView("answer", tables.sqlQuery(text));
    // A sink that drops all, with the columns of the query.
    tables.executeSql("DROP TEMPORARY TABLE IF EXISTS nothing");
    String columns =
        tables.from("answer").getResolvedSchema().getColumns().stream()
            .map(column -> "`" + column.getName() + "` " + typeOf(column))
            .reduce((one, other) -> one + ", " + other)
            .orElseThrow();
    tables.executeSql("CREATE TEMPORARY TABLE nothing (" + columns + ") WITH ('connector' = 'blackhole')");
    TableResult result = tables.executeSql("INSERT INTO nothing SELECT * FROM answer");
    result.await();
    return result.getJobClient().orElseThrow().getJobExecutionResult().get().getNetRuntime(TimeUnit.MILLISECONDS);
  }

  private static String typeOf(Column column) {
    return column.getDataType().getLogicalType().asSerializableString().replace(" NOT NULL", "").replace(" *ROWTIME*", "");
  }
}
