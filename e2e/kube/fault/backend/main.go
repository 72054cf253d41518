// The backend of these tests: it answers as the demo backend does, and goes on doing so at hundreds of requests a second
// on a machine that is busy with other things.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
)

func main() {
	name := flag.String("name", "", "name to answer with")
	address := flag.String("address", "", "address to listen on")
	port := flag.Int("port", 0, "port to listen on")
	flag.Parse()
	answer := func(w http.ResponseWriter, r *http.Request) {
		headers := map[string]string{}
		for field, values := range r.Header {
			headers[strings.ToLower(field)] = strings.Join(values, ", ")
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"backend": *name, "method": r.Method, "target": r.RequestURI, "headers": headers})
	}
	fmt.Fprintln(os.Stderr, http.ListenAndServe(fmt.Sprintf("%s:%d", *address, *port), http.HandlerFunc(answer)))
	os.Exit(1)
}
