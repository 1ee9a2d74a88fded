// Reads what callers of counters saw, and says whether each counter behaved as if one thing happened at a time (linearizability, by
// Porcupine): `add` answers one more than there was, `read` what there was.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

type operation struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	From  int64  `json:"from"`
	To    int64  `json:"to"`
	Value int    `json:"value"`
}

func main() {
	var history []operation
	if err := json.NewDecoder(os.Stdin).Decode(&history); err != nil {
		fmt.Println("unreadable:", err)
		os.Exit(2)
	}
	byName := map[string][]porcupine.Operation{}
	for _, one := range history {
		byName[one.Name] = append(byName[one.Name], porcupine.Operation{
			Input: one.Kind, Output: one.Value, Call: one.From, Return: one.To,
		})
	}
	counter := porcupine.Model{
		Init: func() interface{} { return 0 },
		Step: func(state, input, output interface{}) (bool, interface{}) {
			if input.(string) == "read" {
				return output.(int) == state.(int), state
			}
			return output.(int) == state.(int)+1, output
		},
	}
	for name, operations := range byName {
		if result := porcupine.CheckOperationsTimeout(counter, operations, time.Minute); result != porcupine.Ok {
			fmt.Printf("%s: %s\n", name, result)
			os.Exit(1)
		}
	}
	fmt.Printf("linearizable: %d operations on %d counters\n", len(history), len(byName))
}
