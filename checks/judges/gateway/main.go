// Reads what each line of its input holds (JSON: id, bytes in base64) as requests, by net/http, and prints what it made of them.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
)

type given struct {
	ID    string `json:"id"`
	Bytes string `json:"bytes"`
}

type request struct {
	Method string `json:"method"`
	Target string `json:"target"`
	ID     string `json:"id"`
	Body   string `json:"body"`
}

type answer struct {
	Of       string    `json:"of"`
	Requests []request `json:"requests"`
	Refused  bool      `json:"refused"`
}

func read(data []byte) ([]request, bool) {
	requests := []request{}
	reader := bufio.NewReader(bytes.NewReader(data))
	for {
		if _, err := reader.Peek(1); err != nil {
			return requests, false
		}
		one, err := http.ReadRequest(reader)
		if err != nil {
			return requests, !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF)
		}
		body, err := io.ReadAll(one.Body)
		if err != nil {
			return requests, !errors.Is(err, io.ErrUnexpectedEOF)
		}
		sum := sha256.Sum256(body)
		requests = append(requests, request{one.Method, one.RequestURI, one.Header.Get("X-Correlation-Id"), hex.EncodeToString(sum[:])})
	}
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var one given
			if err := json.Unmarshal(line, &one); err != nil {
				panic(err)
			}
			data, err := base64.StdEncoding.DecodeString(one.Bytes)
			if err != nil {
				panic(err)
			}
			requests, refused := read(data)
			if err := out.Encode(answer{one.ID, requests, refused}); err != nil {
				panic(err)
			}
		}
		if err != nil {
			return
		}
	}
}
