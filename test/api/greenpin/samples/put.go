// An update as the manual's Go sample sends it: with net/http and "cache-control: no-cache".
// go run put.go URL USER TOKEN <body.json; prints the answer's body and, as the last line, its status.
package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	url, login := os.Args[1], os.Args[2]+":"+os.Args[3]
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest("PUT", url, strings.NewReader(string(body)))
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Add("Content-Type", "application/json")
	request.Header.Add("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(login)))
	request.Header.Add("cache-control", "no-cache")

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%d\n", answer, response.StatusCode)
}
