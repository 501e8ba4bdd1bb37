package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"garrigue/internal/fault"
)

// client speaks HTTP to one source. It tries again what may pass (a cut, a time-out, 429, a
// server's error), waits as the server asks, gives up on one that stalls, and never carries
// credentials to another host nor from https to http. Its errors name the address without its
// query, where tokens travel.
type client struct {
	http   *http.Client
	limits limits
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	log    *slog.Logger
	// sign (may be nil) puts the credentials on each try of a request: a signature with a time
	// or a nonce is made again.
	sign func(*http.Request) error
	// private are the headers and the query parameters that carry credentials, which a redirect
	// to another host must not see.
	private []string
}

const (
	maxRedirects = 5
	// maxWait is the longest a server may ask us to wait within a run.
	maxWait = 15 * time.Minute
)

// newClient returns the client of a source, without credentials: set sign and private.
func newClient(env Env, cfg Config) (*client, error) {
	env = env.withDefaults()
	l, err := limitsOf(cfg)
	if err != nil {
		return nil, err
	}
	c := &client{limits: l, now: env.Now, sleep: env.Sleep, log: env.Log}
	h := http.Client{Transport: newTransport()}
	if env.HTTP != nil {
		h = *env.HTTP
	}
	h.CheckRedirect, h.Timeout = c.redirect, 0
	c.http = &h
	return c, nil
}

// newTransport is the standard one with our patience for connecting, and connections that are
// not kept when a run is over.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 20 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 20 * time.Second, IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 4,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 1 << 20,
	}
}

// close ends the connections kept.
func (c *client) close() { c.http.CloseIdleConnections() }

// redirectError is a redirect we do not follow.
type redirectError struct{ key, to string }

func (e redirectError) Error() string { return e.key + " " + e.to }

// redirect limits redirects and strips credentials as soon as another host is in the chain.
func (c *client) redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return redirectError{"source.too_many_redirects", req.URL.Host}
	}
	req.Header.Del("Referer") // it would carry a token of the address
	first := via[0].URL
	if first.Scheme == "https" && req.URL.Scheme != "https" {
		return redirectError{"source.redirect_insecure", req.URL.Host}
	}
	away := req.URL.Host != first.Host
	for _, v := range via {
		away = away || v.URL.Host != first.Host
	}
	if away {
		for _, h := range append([]string{"Authorization", "Cookie", "Www-Authenticate"}, c.private...) {
			req.Header.Del(h)
		}
	}
	return nil
}

// place is an address as it may be shown: no query, no user.
func place(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// get asks for an address; see do.
func (c *client) get(ctx context.Context, address string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fault.Say(fault.Invalid, "source.bad_address")
	}
	for k, v := range header {
		req.Header[k] = v
	}
	return c.do(ctx, req)
}

// do sends a request until it is answered, and returns the answer whatever its status when
// trying again would not change it: see refused. The body ends with an error when no byte
// comes for the time-out; the caller closes it. A request with a body needs GetBody, as
// http.NewRequest sets it for buffers and strings.
func (c *client) do(ctx context.Context, req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := c.once(ctx, req)
		var wait time.Duration
		switch {
		case err != nil:
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if !mayPass(err) || try >= c.limits.tries {
				return nil, c.unreachable(req, err)
			}
		case !busy(resp.StatusCode):
			return resp, nil
		default:
			wait = retryAfter(resp.Header, c.now())
			discard(resp)
			if wait > maxWait {
				return nil, fault.Say(fault.Unavailable, "source.asks_to_wait", place(req.URL), wait.Round(time.Minute).String())
			}
			if try >= c.limits.tries {
				return nil, fault.Say(fault.Unavailable, "source.busy", place(req.URL), strconv.Itoa(resp.StatusCode), strconv.Itoa(try))
			}
		}
		if err := c.pause(ctx, try, wait); err != nil {
			return nil, err
		}
	}
}

// pause waits before another try: what the server asked, or twice as long each time.
func (c *client) pause(ctx context.Context, try int, asked time.Duration) error {
	wait := asked
	if wait <= 0 {
		wait = min(time.Second<<min(try-1, 6), time.Minute)
		wait = wait/2 + rand.N(wait/2+1) // so that a hundred clients do not come back together
	}
	c.log.Debug("source waits", "try", try, "wait", wait)
	return c.sleep(ctx, wait)
}

// once sends a copy of the request, and watches it: nothing for the time-out ends it.
func (c *client) once(ctx context.Context, req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := req.Clone(ctx)
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			cancel(nil)
			return nil, err
		}
		r.Body = body
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "Garrigue")
	}
	if c.sign != nil {
		if err := c.sign(r); err != nil {
			cancel(nil)
			return nil, err
		}
	}
	watch := time.AfterFunc(c.limits.timeout, func() { cancel(errStalled) })
	resp, err := c.http.Do(r)
	watch.Stop() // Read starts it again
	if err != nil {
		cancel(nil)
		if errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
		return nil, err
	}
	resp.Body = &watched{ReadCloser: resp.Body, ctx: ctx, watch: watch, timeout: c.limits.timeout, cancel: cancel}
	return resp, nil
}

var errStalled = errors.New("no byte for the whole time-out")

// watched is a body that ends when no byte comes.
type watched struct {
	io.ReadCloser
	ctx     context.Context // of this answer, whose end it tells
	watch   *time.Timer
	timeout time.Duration
	cancel  context.CancelCauseFunc
}

func (w *watched) Read(p []byte) (int, error) {
	w.watch.Reset(w.timeout)
	n, err := w.ReadCloser.Read(p)
	if err != nil && err != io.EOF && errors.Is(context.Cause(w.ctx), errStalled) {
		err = errStalled
	}
	w.watch.Stop() // the time the caller takes is not the server's
	return n, err
}

func (w *watched) Close() error {
	w.watch.Stop()
	err := w.ReadCloser.Close()
	w.cancel(nil)
	return err
}

// discard ends an answer nobody reads, keeping the connection when it is short.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	resp.Body.Close()
}

// busy reports a status that may be another one soon.
func busy(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// retryAfter reads what the server asks, 0 when nothing: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.Atoi(v); err == nil && n >= 0 {
		return time.Duration(min(n, 1<<30)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}

// mayPass reports whether an error of the network may be gone at the next try.
func mayPass(err error) bool {
	var redirected redirectError
	var certificate *tls.CertificateVerificationError
	var known *fault.Error
	return !errors.As(err, &redirected) && !errors.As(err, &certificate) && !errors.As(err, &known)
}

// unreachable is the sentence for an error of the network.
func (c *client) unreachable(req *http.Request, err error) error {
	var redirected redirectError
	var certificate *tls.CertificateVerificationError
	var known *fault.Error
	var dns *net.DNSError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &redirected):
		return fault.Say(fault.Invalid, redirected.key, place(req.URL), redirected.to)
	case errors.As(err, &certificate):
		return fault.Say(fault.Invalid, "source.certificate", req.URL.Host).Because(plain(err))
	case errors.As(err, &dns):
		return fault.Say(fault.Unavailable, "source.no_host", req.URL.Host).Because(plain(err))
	case errors.Is(err, errStalled):
		return fault.Say(fault.Unavailable, "source.stalled", place(req.URL), c.limits.timeout.String())
	}
	return fault.Say(fault.Unavailable, "source.unreachable", place(req.URL)).Because(plain(err))
}

// plain takes the address, which may hold a token, out of an error of net/http.
func plain(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// refused gives an answer that is not of status 200 to 299 its error, nil otherwise.
func refused(resp *http.Response) error {
	at := place(resp.Request.URL)
	switch s := resp.StatusCode; {
	case s >= 200 && s <= 299:
		return nil
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusProxyAuthRequired:
		return fault.Say(fault.Forbidden, "source.forbidden", at, strconv.Itoa(s))
	case s == http.StatusNotFound, s == http.StatusGone:
		return fault.Say(fault.NotFound, "source.not_found", at)
	case busy(s):
		return fault.Say(fault.Unavailable, "source.busy", at, strconv.Itoa(s), "1")
	default:
		return fault.Say(fault.Invalid, "source.status", at, strconv.Itoa(s))
	}
}

// size writes a number of bytes for people.
func size(n int64) string {
	for _, u := range []struct {
		n    int64
		name string
	}{{1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "kB"}} {
		if n >= u.n {
			return fmt.Sprintf("%.3g %s", float64(n)/float64(u.n), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

// withDefaults fills what the caller left out.
func (e Env) withDefaults() Env {
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Sleep == nil {
		e.Sleep = func(ctx context.Context, d time.Duration) error {
			select {
			case <-time.After(d):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.Progress == nil {
		e.Progress = func(Progress) {}
	}
	if e.Secret == nil {
		e.Secret = func(string) (string, error) { return "", nil }
	}
	return e
}

// authorize gives the client the credentials of the settings: user and password, a bearer
// token, or a key in a header of its own.
func (c *client) authorize(cfg Config, env Env) error {
	secret := func(name string) (string, error) {
		if cfg.Secrets[name] == "" {
			return "", nil
		}
		return env.Secret(name)
	}
	var err error
	value := map[string]string{}
	for _, name := range []string{"user", "password", "token", "key"} {
		if value[name], err = secret(name); err != nil {
			return err
		}
	}
	header := cfg.Options[OptionKeyHeader]
	if header == "" {
		header = "X-Api-Key"
	}
	c.private = append(c.private, header)
	user := value["user"]
	if u, err := url.Parse(cfg.Location); err == nil && u.User != nil && user == "" {
		user = u.User.Username()
	}
	c.sign = func(r *http.Request) error {
		r.URL.User = nil
		switch {
		case value["token"] != "":
			r.Header.Set("Authorization", "Bearer "+value["token"])
		case value["key"] != "":
			r.Header.Set(header, value["key"])
		case user != "" || value["password"] != "":
			r.SetBasicAuth(user, value["password"])
		}
		return nil
	}
	return nil
}
