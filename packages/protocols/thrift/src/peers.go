// A client that Thrift's compiler made, and Thrift's own library for Go: what it finds right of our door, one line each.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/apache/thrift/lib/go/thrift"
	"peers/shop"
)

func check(right bool, words string) {
	if !right {
		fmt.Println("not so: " + words)
		os.Exit(1)
	}
	fmt.Println(words)
}

func main() {
	ctx := context.Background()
	configuration := &thrift.TConfiguration{}
	factories := map[string]thrift.TProtocolFactory{
		"binary":  thrift.NewTBinaryProtocolFactoryConf(configuration),
		"compact": thrift.NewTCompactProtocolFactoryConf(configuration),
	}
	for _, name := range []string{"binary", "compact"} {
		factory := factories[name]
		transport := thrift.NewTFramedTransportConf(thrift.NewTSocketConf("127.0.0.1:"+os.Args[1], configuration), configuration)
		if err := transport.Open(); err != nil {
			panic(err)
		}
		plain := factory.GetProtocol(transport)
		orders := shop.NewOrdersClient(thrift.NewTStandardClient(plain, plain))
		of := func(service string) thrift.TClient {
			return thrift.NewTStandardClient(plain, thrift.NewTMultiplexedProtocol(plain, service))
		}
		found, err := orders.Find(ctx, &shop.OrdersFindInput{ID: "7"}, nil)
		check(err == nil && found.Value != nil && *found.Value == "7", name+": a call is answered")
		found, err = orders.Find(ctx, &shop.OrdersFindInput{ID: "none"}, map[string]string{"x-correlation-id": "go"})
		check(err == nil && found.Value == nil, name+": null is told from a value, and headers are taken")
		_, err = orders.Fail(ctx, &shop.OrdersFailInput{How: shop.OrdersFailInputHow_sold_out}, nil)
		var soldOut *shop.SoldOut
		check(errors.As(err, &soldOut) && soldOut.Data.Left == 2, name+": a declared error is an error of its own type, with its data")
		_, err = orders.Place(ctx, &shop.OrdersPlaceInput{ID: "1", Pieces: 0}, nil)
		var wrong thrift.TApplicationException
		check(errors.As(err, &wrong) && strings.HasPrefix(wrong.Error(), "INVALID_ARGUMENT"), name+": what the contract refuses is refused")
		yes, err := shop.NewOrdersClient(of("Orders")).Ping(ctx, nil)
		check(err == nil && yes, name+": a multiplexed call is answered")
		yes, err = shop.NewCustomersClient(of("Customers")).Ping(ctx, nil)
		check(err == nil && !yes, name+": methods of one name are told apart by their service")
		check(shop.NewOrdersClient(of("Orders")).Delete_(ctx, &shop.OrdersDeleteInput{ID: "7"}, nil) == nil, name+": a oneway call is sent")
		_, err = shop.NewOrdersClient(of("Nobody")).Ping(ctx, nil)
		check(errors.As(err, &wrong) && wrong.TypeId() == thrift.UNKNOWN_METHOD, name+": an unknown service is UNKNOWN_METHOD")
		transport.Close()
	}
}
