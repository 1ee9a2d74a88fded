import dure.orders.*;
import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.math.BigInteger;
import java.net.URL;
import java.util.List;
import javax.xml.datatype.DatatypeFactory;
import javax.xml.namespace.QName;

/** JaxWsClient WSDL: classes that wsimport has made of our WSDL call; a line for each check. */
public class JaxWsClient {
  static boolean well = true;

  interface Work { void run() throws Exception; }

  static void check(String what, Work work) {
    try {
      work.run();
      System.out.println("✔ JAX-WS: " + what);
    } catch (Throwable error) {
      well = false;
      System.out.println("✖ JAX-WS: " + what + ": " + error);
    }
  }

  static void equal(Object got, Object wanted) {
    if (!java.util.Objects.equals(got, wanted)) throw new AssertionError(got + ", and not " + wanted);
  }

  public static void main(String[] words) throws Exception {
    var service = new OrdersService(new URL(words[0]), new QName("urn:dure:orders:1", "OrdersService"));
    for (var entry : List.of("1.1", "1.2")) {
      Orders orders = entry.equals("1.1") ? service.getOrdersSoap() : service.getOrdersSoap12();
      String of = " (SOAP " + entry + ")";
      check("calls" + of, () -> {
        equal(orders.place("x", 3), "x × 3");
        equal(orders.all().getItem().stream().map(Order::getId).toList(), List.of("a", "b"));
      });
      check("values of every kind" + of, () -> {
        var money = new Money();
        money.setAmount(new BigInteger("123456789012345678901"));
        money.setCurrency(MoneyCurrency.KRW);
        var at = DatatypeFactory.newInstance().newXMLGregorianCalendar("2026-11-30T08:15:00.678Z");
        var cash = new EveryPaymentCash();
        cash.setKind(EveryPaymentCashKind.CASH);
        var payment = new EveryPayment();
        payment.setCash(cash);
        var either = new EveryEither();
        either.setMoney(money);
        var tags = new ListOfString();
        tags.getItem().addAll(List.of("a", " b ", "<&>"));
        var byName = new MapOfStringToMoney();
        var one = new MapOfStringToMoneyEntry();
        one.setKey("k");
        one.setValue(money);
        byName.getEntry().add(one);
        var counts = new MapOfStringToListOfMapOfStringToDouble();
        var place = new EveryPlace();
        place.setItem1(1.5);
        place.setItem2("two\nlines");
        Every answer = orders.echo(
          money, payment, either, 9007199254740991L, -7, 0.5, true, at, new byte[] {0, 1, -1}, tags, null, byName, counts, place, null, "{\"a\":1}");
        equal(answer.getPrice().getAmount(), new BigInteger("123456789012345678901"));
        equal(answer.getPayment().getCash().getAt(), null);
        equal(answer.getEither().getMoney().getCurrency(), MoneyCurrency.KRW);
        equal(answer.getWhole(), 9007199254740991L);
        equal(answer.getSmall(), -7);
        equal(answer.getAt().toGregorianCalendar().getTimeInMillis(), at.toGregorianCalendar().getTimeInMillis());
        equal(answer.getBytes().length, 3);
        equal(answer.getTags().getItem(), List.of("a", " b ", "<&>"));
        equal(answer.getByName().getEntry().get(0).getValue().getAmount(), new BigInteger("123456789012345678901"));
        equal(answer.getPlace().getItem2(), "two\nlines");
        equal(answer.getAny(), "{\"a\":1}");
      });
      check("a declared error is an exception of its own" + of, () -> {
        try {
          orders.fail(OrdersFailInputHow.SOLD_OUT);
          throw new AssertionError("there was no exception");
        } catch (SoldOut error) {
          equal(error.getMessage(), "2 are left");
          equal(error.getFaultInfo().getData().getLeft(), 2);
        }
      });
      check("what failed inside is a fault" + of, () -> {
        try {
          orders.fail(OrdersFailInputHow.BROKEN);
          throw new AssertionError("there was no exception");
        } catch (SOAPFaultException error) {
          if (error.getMessage().contains("1234")) throw new AssertionError("it tells a secret");
        }
      });
      check("credentials of HTTP" + of, () -> {
        ((BindingProvider) orders).getRequestContext().put(BindingProvider.USERNAME_PROPERTY, "sori");
        ((BindingProvider) orders).getRequestContext().put(BindingProvider.PASSWORD_PROPERTY, "orders.write");
        equal(orders.place("y", 1), "y × 1");
      });
    }
    System.exit(well ? 0 : 1);
  }
}
