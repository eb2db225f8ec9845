package servers

import (
	"context"
	"io"
	"net/http"
	"time"

	"devicebridge/events"
	"devicebridge/webhook"
)

// parse answers what carries a good token and a body that is a postback: what the
// bridge does before it comes to storing, with the bridge's own code and net/http's
// router. It stores nothing and limits nothing.
func parse(ctx context.Context, c Config) error {
	keys, err := webhook.ParseKeyring(c.Keys)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /postback/{command}/{token}", func(w http.ResponseWriter, r *http.Request) {
		if !keys.Verify(r.PathValue("command"), r.PathValue("token"), time.Now()) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = events.ParseObservations(body)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return serve(ctx, c.HTTP, mux)
}
