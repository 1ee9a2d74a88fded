// What Go's own transparency log makes of ours: reads questions as JSON, one a line, and answers each with a line.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Verifier   string   `json:"verifier"`
	Checkpoint string   `json:"checkpoint"`
	Line       string   `json:"line"`
	Index      int64    `json:"index"`
	Earlier    string   `json:"earlier"`
	Hashes     []string `json:"hashes"`
}

func tree(verifier, text string) (tlog.Tree, error) {
	known, err := note.NewVerifier(verifier)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(known))
	if err != nil {
		return tlog.Tree{}, err
	}
	var origin, root string
	var size int64
	if _, err := fmt.Sscanf(opened.Text, "%s\n%d\n%s\n", &origin, &size, &root); err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(root)
	return tlog.Tree{N: size, Hash: hash}, err
}

func answer(asked question) error {
	now, err := tree(asked.Verifier, asked.Checkpoint)
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	for _, text := range asked.Hashes {
		bytes, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		var hash tlog.Hash
		copy(hash[:], bytes)
		hashes = append(hashes, hash)
	}
	if asked.Earlier == "" {
		return tlog.CheckRecord(hashes, now.N, now.Hash, asked.Index, tlog.RecordHash([]byte(asked.Line)))
	}
	before, err := tree(asked.Verifier, asked.Earlier)
	if err != nil {
		return err
	}
	return tlog.CheckTree(hashes, now.N, now.Hash, before.N, before.Hash)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked question
		err := json.Unmarshal(lines.Bytes(), &asked)
		if err == nil {
			err = answer(asked)
		}
		if err != nil {
			fmt.Println(err)
		} else {
			fmt.Println("ok")
		}
	}
}
