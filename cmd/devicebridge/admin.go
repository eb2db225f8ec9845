package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// adminTimeout bounds one answer of the admin listener; a scrape takes
// milliseconds.
const adminTimeout = 10 * time.Second

// listenAdmin opens the admin listener; nil when it is off.
func listenAdmin(ctx context.Context, address string) (net.Listener, error) {
	if address == adminOff {
		return nil, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, listenError("BRIDGE_ADMIN_ADDR", err)
	}
	return l, nil
}

// listenError names the setting or flag whose address cannot be listened on. An
// address that another process has, or that this machine does not have yet, is no fault
// of the configuration: that passes, and whoever starts the process may start it again.
// What the configuration does wrong is an address that nothing could have, or one
// that this user may not have.
func listenError(name string, err error) error {
	err = fmt.Errorf("%s: %w", name, err)
	if lookup, is := errors.AsType[*net.DNSError](err); is && (lookup.IsTemporary || lookup.IsTimeout) {
		return err
	}
	if call, is := errors.AsType[syscall.Errno](err); !is || call == syscall.EACCES || call == syscall.EPERM || call == syscall.EAFNOSUPPORT {
		return usageError{err}
	}
	return err
}

// adminHandler answers the operator and the machinery around the process. It
// asks for no credentials and shows nothing secret.
func adminHandler(metrics http.Handler, h *health, b build, level http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	// It answers, so it lives. That it cannot do its work is no reason to start it
	// anew: that is for /readyz to tell.
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answerText(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		tell := h.readiness
		if r.URL.Query().Has("verbose") {
			tell = h.verbose
		}
		status, text := tell()
		answerText(w, status, text)
	})
	mux.Handle("GET /loglevel", level)
	mux.Handle("PUT /loglevel", level)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = writeJSON(w, b) // nobody is left to tell
	})
	return mux
}

func answerText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) //nolint:gosec // plain text, which no browser takes for anything else; a failure has no reader
}

// withAdmin answers on l while run runs, so from before NATS is there until after
// it is gone: a probe must not take waiting for NATS, or a slow stop, for death.
// A listener that fails ends run. Without a listener it only runs.
func withAdmin(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger, stop *budget, run func(context.Context) error) error {
	if l == nil {
		return run(ctx)
	}
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      adminTimeout + time.Second,
		IdleTimeout:       2 * time.Minute, // longer than between two scrapes
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("admin listener: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		err := run(running)
		closing, cancel := stop.toClose(ctx)
		defer cancel()
		closing, cancel = context.WithTimeout(closing, time.Second)
		defer cancel()
		if server.Shutdown(closing) != nil {
			_ = server.Close() // whoever is still being answered can ask another replica
		}
		return err
	})
	return group.Wait()
}
