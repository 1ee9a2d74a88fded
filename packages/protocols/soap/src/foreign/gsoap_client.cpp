// gsoap_client ADDRESS: what gSOAP has made of our WSDL calls; a line for each check.
#include <iostream>
#include "OrdersSoap.nsmap"
#include "soapOrdersSoapProxy.h"

static bool well = true;

static void check(const std::string &what, bool right, OrdersSoapProxy &orders) {
  well &= right;
  std::cout << (right ? "✔" : "✖") << " gSOAP: " << what;
  if (!right) {
    std::cout << ": " << orders.soap->error << " ";
    soap_stream_fault(orders.soap, std::cout);
  } else {
    std::cout << std::endl;
  }
}

int main(int, char **words) {
  OrdersSoapProxy orders(words[1]);
  soap *soap = orders.soap;
  soap_set_mode(soap, SOAP_C_UTFSTRING);

  _ns1__place place;
  _ns1__placeResponse placed;
  place.id = "x";
  place.pieces = 3;
  check("calls", orders.place(&place, placed) == SOAP_OK && placed.result == "x × 3", orders);

  _ns1__all all;
  _ns1__allResponse found;
  check("lists", orders.all(&all, found) == SOAP_OK && found.result->item.size() == 2 && found.result->item[1]->id == "b", orders);

  ns1__Money money;
  money.amount = "123456789012345678901";
  money.currency = ns1__MoneyCurrency__KRW;
  ns1__EveryPaymentCash cash;
  cash.kind = ns1__EveryPaymentCashKind__cash;
  cash.at = nullptr;
  ns1__EveryPayment payment;
  payment.__union_EveryPayment = SOAP_UNION__ns1__union_EveryPayment_cash;
  payment.union_EveryPayment.cash = &cash;
  ns1__EveryEither either;
  either.__union_EveryEither = SOAP_UNION__ns1__union_EveryEither_money;
  either.union_EveryEither.money = &money;
  ns1__ListOfString tags;
  tags.item = {"a", " b ", "<&>"};
  ns1__MapOfStringToMoneyEntry entry;
  entry.key = "k";
  entry.value = &money;
  ns1__MapOfStringToMoney byName;
  byName.entry = {&entry};
  ns1__MapOfStringToListOfMapOfStringToDouble counts;
  ns1__EveryPlace two;
  two.item1 = 1.5;
  two.item2 = "two\nlines";
  std::string any = "{\"a\":1}";
  unsigned char bytes[] = {0, 1, 255};

  _ns1__echo echo;
  _ns1__echoResponse echoed;
  echo.price = &money;
  echo.payment = &payment;
  echo.either = &either;
  echo.whole = 9007199254740991LL;
  echo.small = -7;
  echo.ratio = 0.5;
  echo.is = true;
  echo.at = 1796026500;
  echo.bytes.__ptr = bytes;
  echo.bytes.__size = 3;
  echo.tags = &tags;
  echo.list = nullptr;
  echo.byName = &byName;
  echo.counts = &counts;
  echo.place = &two;
  echo.note = nullptr;
  echo.any = &any;
  bool right = orders.echo(&echo, echoed) == SOAP_OK;
  if (right) {
    ns1__Every *one = echoed.result;
    right = one->price->amount == money.amount && one->payment->union_EveryPayment.cash->at == nullptr &&
            one->either->union_EveryEither.money->currency == ns1__MoneyCurrency__KRW && one->whole == echo.whole &&
            one->small == -7 && one->ratio == 0.5 && one->is && one->at == echo.at && one->bytes.__size == 3 &&
            one->bytes.__ptr[2] == 255 && one->tags->item == tags.item &&
            one->byName->entry[0]->value->amount == money.amount && one->counts->entry.empty() &&
            one->place->item2 == two.item2 && one->any != nullptr && *one->any == any && one->list == nullptr;
  }
  check("values of every kind", right, orders);

  _ns1__fail fail;
  _ns1__failResponse never;
  fail.how = ns1__OrdersFailInputHow__sold_x0020out;
  right = orders.fail(&fail, never) != SOAP_OK && soap->fault;
  if (right) {
    // By SOAP 1.1 it stands in one place, by 1.2 in another.
    SOAP_ENV__Detail *detail = soap->fault->detail ? soap->fault->detail : soap->fault->SOAP_ENV__Detail;
    right = detail && detail->ns1__SoldOutFault && detail->ns1__SoldOutFault->data->left == 2 &&
            std::string(soap_fault_string(soap)) == "2 are left";
  }
  check("a declared error is a typed fault", right, orders);

  place.pieces = 0;
  right = orders.place(&place, placed) != SOAP_OK && std::string(soap_fault_string(soap)).find("pieces") != std::string::npos;
  check("a refused input says where", right, orders);

  soap->userid = "sori";
  soap->passwd = "orders.write";
  place.pieces = 1;
  check("credentials of HTTP", orders.place(&place, placed) == SOAP_OK && placed.result == "x × 1", orders);
  return well ? 0 : 1;
}
