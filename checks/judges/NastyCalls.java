import org.openapitools.client.*;
import org.openapitools.client.api.*;
import org.openapitools.client.model.*;
import java.util.List;

/** Calls a door with the client that openapi-generator made of its document: answers and declared errors are typed. */
public class NastyCalls {
  public static void main(String[] words) throws Exception {
    ApiClient client = new ApiClient();
    client.updateBaseUri(words[0]);
    NastyApi nasty = new NastyApi(client);
    check(nasty.nastySeat("a b/한", 7, null, new NastySeatInput()).getSeat() == 7, "a seat");
    check(nasty.nastyFind("a", List.of(1, 2), null, null, true, null, null, null).getIds().equals(List.of(1, 2)), "a list");
    SeatTakenProblem taken = conflict(client, nasty, "taken").getSeatTakenProblem();
    check(taken.getCode() == SeatTakenProblem.CodeEnum.SEAT_TAKEN && taken.getData().getSeat() == 7, "data of an error");
    check(taken.getData().getSince().getYear() == 1970, "a date in an error");
    check(conflict(client, nasty, "closed").getActualInstance() instanceof ClosedProblem, "an error without data");
  }

  static NastySeat409Response conflict(ApiClient client, NastyApi nasty, String row) throws Exception {
    try {
      nasty.nastySeat(row, 7, null, new NastySeatInput());
      throw new AssertionError("no error from " + row);
    } catch (ApiException error) {
      check(error.getCode() == 409, "status " + error.getCode());
      return client.getObjectMapper().readValue(error.getResponseBody(), NastySeat409Response.class);
    }
  }

  static void check(boolean right, String what) {
    if (!right) throw new AssertionError(what);
  }
}
