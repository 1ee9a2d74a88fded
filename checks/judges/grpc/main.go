// What grpc-go finds right of the orders of the test's shop, with what protoc-gen-go and protoc-gen-go-grpc make of the drawn document. One line a check.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"judge/orders"
)

var failed = false

func check(name string, right bool, found any) {
	if right {
		fmt.Println("✔ grpc-go: " + name)
		return
	}
	failed = true
	fmt.Printf("✖ grpc-go: %s: %v\n", name, found)
}

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	// Nothing of this takes so long: it ends what hangs.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	client := orders.NewOrdersServiceClient(connection)

	var header metadata.MD
	placed, err := client.Place(ctx, &orders.OrdersPlaceInput{Id: "go", Pieces: 3}, grpc.Header(&header))
	check("a call is answered", err == nil && placed.GetValue() == "go × 3", err)
	check("metadata has a correlation id", len(header.Get("x-correlation-id")) == 1, header)

	soldOut(ctx, client)

	_, err = client.Place(ctx, &orders.OrdersPlaceInput{Id: "go", Pieces: 0})
	field := ""
	for _, detail := range status.Convert(err).Details() {
		if wrong, ok := detail.(*errdetails.BadRequest); ok {
			field = wrong.GetFieldViolations()[0].GetField()
		}
	}
	check("a wrong input says where", status.Code(err) == codes.InvalidArgument && field == "pieces", err)

	short, end := context.WithTimeout(ctx, 50*time.Millisecond)
	_, err = client.Fail(short, &orders.OrdersFailInput{How: orders.OrdersFailInputHow_ORDERS_FAIL_INPUT_HOW_SLOW})
	end()
	check("a deadline of 50 ms is one", status.Code(err) == codes.DeadlineExceeded, err)

	for _, count := range []int32{2, 20_000} {
		seen, err := watch(ctx, client, count)
		check(fmt.Sprintf("a stream of %d comes whole and in order", count), err == nil && seen == count, err)
	}
	talk(ctx, client)

	cancel()
	connection.Close()
	if failed {
		os.Exit(1)
	}
}

func soldOut(ctx context.Context, client orders.OrdersServiceClient) {
	_, err := client.Fail(ctx, &orders.OrdersFailInput{How: orders.OrdersFailInputHow_ORDERS_FAIL_INPUT_HOW_SOLD_OUT})
	reason, left := "", int32(0)
	for _, detail := range status.Convert(err).Details() {
		switch one := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = one.GetReason()
		case *orders.SoldOutData:
			left = one.GetLeft()
		}
	}
	check("a declared error has its code and its data", status.Code(err) == codes.FailedPrecondition && reason == "SOLD_OUT" && left == 2, err)
}

// watch tells how many came before the end, and fails at the first that is out of order.
func watch(ctx context.Context, client orders.OrdersServiceClient, count int32) (int32, error) {
	stream, err := client.Watch(ctx, &orders.OrdersWatchInput{Count: count})
	if err != nil {
		return 0, err
	}
	for seen := int32(0); ; seen++ {
		one, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return seen, nil
		}
		if err != nil {
			return seen, err
		}
		if one.GetN() != seen {
			return seen, fmt.Errorf("number %d came after %d others", one.GetN(), seen)
		}
	}
}

func talk(ctx context.Context, client orders.OrdersServiceClient) {
	stream, err := client.Talk(ctx)
	if err != nil {
		check("a channel opens", false, err)
		return
	}
	said := func(word string) (string, error) {
		// What the server ended is told by Recv.
		_ = stream.Send(&orders.OrdersTalkRequest{Value: &orders.OrdersTalkSent{Value: word}})
		heard, err := stream.Recv()
		return heard.GetValue(), err
	}
	_ = stream.Send(&orders.OrdersTalkRequest{Input: &orders.OrdersTalkInput{Room: "r"}})
	heard, err := said("hello")
	check("a channel speaks both ways", err == nil && heard == "r: hello", err)
	_, err = said("sold out")
	check("a channel fails as declared", status.Code(err) == codes.FailedPrecondition, err)
}
