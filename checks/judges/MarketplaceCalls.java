import org.openapitools.client.*;
import org.openapitools.client.api.*;
import org.openapitools.client.model.*;

/** The same with the marketplace. */
public class MarketplaceCalls {
  public static void main(String[] words) throws Exception {
    ApiClient client = new ApiClient();
    client.updateBaseUri(words[0]);
    SellerApi sellers = new SellerApi(client);
    try {
      sellers.sellerGet(999999);
      throw new AssertionError("nobody was found");
    } catch (ApiException error) {
      if (error.getCode() != 404) throw new AssertionError("status " + error.getCode());
      SellerNotFoundProblem problem = client.getObjectMapper().readValue(error.getResponseBody(), SellerNotFoundProblem.class);
      if (problem.getCode() != SellerNotFoundProblem.CodeEnum.SELLER_NOT_FOUND) throw new AssertionError(problem.toString());
    }
  }
}
