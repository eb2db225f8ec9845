package directory_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"devicebridge/bridge/graph/emulator/directory"
)

func Example() {
	d, err := directory.New(directory.Options{Seed: 1})
	if err != nil {
		panic(err)
	}
	if _, err := d.Generate(5000); err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/v1.0/devices/$count", nil)
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("ConsistencyLevel", "eventual")
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 200 5012
}
