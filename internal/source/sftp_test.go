package source

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"garrigue/internal/fault"
)

// sftpServer serves a folder over SSH as a producer's server does.
type sftpServer struct {
	address, print string
	key            ssh.PublicKey
	// cut is how many more bytes a connection sends before it breaks; 0 for ever.
	cut  atomic.Int64
	sent atomic.Int64
	mute atomic.Bool // accepts, and answers nothing
}

func newSigner(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

func serveSFTP(t *testing.T, allowed ssh.PublicKey, more ...ssh.Signer) *sftpServer {
	t.Helper()
	host, _ := newSigner(t)
	config := &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() == "moi" && string(password) == "s3cret" {
				return nil, nil
			}
			return nil, errors.New("no")
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if allowed != nil && bytes.Equal(key.Marshal(), allowed.Marshal()) {
				return nil, nil
			}
			return nil, errors.New("no")
		},
	}
	config.AddHostKey(host)
	for _, h := range more {
		config.AddHostKey(h)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sftpServer{address: l.Addr().String(), print: ssh.FingerprintSHA256(host.PublicKey()), key: host.PublicKey()}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, config)
		}
	}()
	return s
}

// breaking is a connection that ends after some bytes.
type breaking struct {
	net.Conn
	s    *sftpServer
	left int64
}

func (b *breaking) Write(p []byte) (int, error) {
	b.s.sent.Add(int64(len(p)))
	if b.left == 0 {
		return b.Conn.Write(p)
	}
	if b.left -= int64(len(p)); b.left <= 0 {
		b.Conn.Close()
		return 0, io.ErrClosedPipe
	}
	return b.Conn.Write(p)
}

func (s *sftpServer) serve(conn net.Conn, config *ssh.ServerConfig) {
	defer conn.Close()
	if s.mute.Load() {
		io.Copy(io.Discard, conn)
		return
	}
	c, channels, requests, err := ssh.NewServerConn(&breaking{conn, s, s.cut.Load()}, config)
	if err != nil {
		return
	}
	defer c.Close()
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				r.Reply(r.Type == "subsystem", nil)
			}
		}()
		server, err := sftp.NewServer(channel, sftp.ReadOnly())
		if err != nil {
			return
		}
		server.Serve()
		channel.Close()
	}
}

func (s *sftpServer) config(path string) Config {
	return Config{Name: "depot", Kind: KindFile, Location: "sftp://moi@" + s.address + path, Secrets: map[string]string{"password": "V"},
		Options: map[string]string{OptionFingerprint: s.print, OptionTries: "3"}}
}

func TestSFTP(t *testing.T) {
	dir := t.TempDir()
	content := someText(700_000)
	put(t, dir, "obs.csv", string(content))
	s := serveSFTP(t, nil)
	cfg := s.config(filepath.Join(dir, "obs.csv"))
	env, _ := testEnv(t, map[string]string{"password": "s3cret"})
	res := mustFetch(t, cfg, nil, env)
	wantContent(t, res, content)
	if res.Bytes != int64(len(content)) || res.Files[0].Name != "obs.csv" {
		t.Errorf("%d bytes, named %q", res.Bytes, res.Files[0].Name)
	}
	if err := res.Done(); err != nil {
		t.Fatal(err)
	}
	if again := mustFetch(t, cfg, res.State, env); !again.Unchanged {
		t.Error("an unchanged file came again")
	}
	put(t, dir, "obs.csv", string(content)+"encore\n")
	wantContent(t, mustFetch(t, cfg, res.State, env), []byte(string(content)+"encore\n"))
	r, err := Test(t.Context(), cfg, env)
	if err != nil || !r.Allowed || r.Columns[0] != "id_origine" || r.Bytes != int64(len(content)+7) {
		t.Errorf("%+v %v", r, err)
	}
}

// The connection breaks at random bytes: each try goes on where the last one was.
func TestSFTPCut(t *testing.T) {
	dir := t.TempDir()
	content := someText(900_000)
	put(t, dir, "obs.csv", string(content))
	s := serveSFTP(t, nil)
	rng := mathrand.New(mathrand.NewPCG(3, 4))
	env, _ := testEnv(t, map[string]string{"password": "s3cret"})
	cfg := s.config(filepath.Join(dir, "obs.csv"))
	for range 40 {
		s.cut.Store(10_000 + rng.Int64N(400_000))
		cfg.Options[OptionTries] = "1"
		if _, err := Fetch(t.Context(), cfg, nil, env); err == nil {
			break
		} else if !fault.Is(err, fault.Unavailable) {
			t.Fatal(err)
		}
	}
	s.cut.Store(0)
	wantContent(t, mustFetch(t, cfg, nil, env), content)
	// The windows SSH sends ahead of a cut are lost, the rest is not sent twice.
	if n := s.sent.Load(); n > 12*int64(len(content)) {
		t.Errorf("%d bytes sent for %d", n, len(content))
	}
}

func TestSFTPPattern(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "b.csv", "2")
	put(t, dir, "a.csv", "1")
	put(t, dir, "c.txt", "3")
	s := serveSFTP(t, nil)
	env, _ := testEnv(t, map[string]string{"password": "s3cret"})
	if got := names(mustFetch(t, s.config(dir+"/*.csv"), nil, env)); got != "depot/a.csv depot/b.csv" {
		t.Errorf("files %q", got)
	}
}

func TestSFTPRefusals(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "obs.csv", "a;b\n")
	signer, private := newSigner(t)
	s := serveSFTP(t, signer.PublicKey())
	other := serveSFTP(t, nil)
	known := put(t, dir, "known_hosts", knownhosts.Line([]string{s.address}, s.key)+"\n")
	wrong := put(t, dir, "wrong_hosts", knownhosts.Line([]string{s.address}, other.key)+"\n")
	_, stranger := newSigner(t)
	for _, c := range []struct {
		name    string
		secrets map[string]string
		options map[string]string
		path    string
		kind    fault.Kind
		key     string
	}{
		{"password", map[string]string{"password": "s3cret"}, nil, path, 0, ""},
		{"key", map[string]string{"key": private}, nil, path, 0, ""},
		{"known hosts", map[string]string{"key": private}, map[string]string{OptionKnownHosts: known}, path, 0, ""},
		{"another host", map[string]string{"password": "s3cret"}, map[string]string{OptionFingerprint: other.print}, path, fault.Forbidden, "source.host_key"},
		{"another known host", map[string]string{"password": "s3cret"}, map[string]string{OptionKnownHosts: wrong}, path, fault.Forbidden, "source.host_key"},
		{"wrong password", map[string]string{"password": "mauvais"}, nil, path, fault.Forbidden, "source.forbidden"},
		{"another key", map[string]string{"key": stranger}, nil, path, fault.Forbidden, "source.forbidden"},
		{"no key", map[string]string{"key": "-----BEGIN OPENSSH PRIVATE KEY-----\nxx"}, nil, path, fault.Invalid, "source.ssh_key"},
		{"no secret", nil, nil, path, fault.Invalid, "source.no_credentials"},
		{"no file", map[string]string{"password": "s3cret"}, nil, path + "x", fault.NotFound, "source.not_found"},
	} {
		cfg := s.config(c.path)
		cfg.Secrets = map[string]string{}
		for k := range c.secrets {
			cfg.Secrets[k] = "V"
		}
		if c.options != nil {
			cfg.Options = c.options
		}
		env, _ := testEnv(t, c.secrets)
		_, err := Fetch(t.Context(), cfg, nil, env)
		if c.key == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		t.Run(c.name, func(t *testing.T) { wantSaid(t, err, c.kind, c.key) })
		for _, secret := range c.secrets {
			if strings.Contains(fmt.Sprint(err), secret) {
				t.Errorf("%s: the error tells the secret", c.name)
			}
		}
	}
}

// A server that has keys of several kinds is known by any of them.
func TestSFTPManyKeys(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "obs.csv", "a;b\n")
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	s := serveSFTP(t, nil, second)
	known := put(t, dir, "known_hosts", knownhosts.Line([]string{s.address}, second.PublicKey())+"\n")
	for _, options := range []map[string]string{{OptionFingerprint: s.print}, {OptionFingerprint: ssh.FingerprintSHA256(second.PublicKey())}, {OptionKnownHosts: known}} {
		cfg := s.config(path)
		cfg.Options = options
		env, _ := testEnv(t, map[string]string{"password": "s3cret"})
		mustFetch(t, cfg, nil, env)
	}
}

func TestSFTPStalls(t *testing.T) {
	s := serveSFTP(t, nil)
	s.mute.Store(true)
	cfg := s.config("/obs.csv")
	cfg.Options[OptionTimeout], cfg.Options[OptionTries] = "50ms", "2"
	env, _ := testEnv(t, map[string]string{"password": "s3cret"})
	_, err := Fetch(t.Context(), cfg, nil, env)
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("a mute server: %v", err)
	}
}

// A file that grows whenever it is read is left for another time, not read for ever.
func TestSFTPNeverStill(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "obs.csv", "a;b\n")
	s := serveSFTP(t, nil)
	env, _ := testEnv(t, map[string]string{"password": "s3cret"})
	rounds := 0
	env.Progress = func(p Progress) { // between the first byte and the last look
		if rounds++; rounds > 50 {
			t.FailNow()
		}
		put(t, dir, "obs.csv", strings.Repeat("a;b\n", rounds+1))
	}
	res, err := Fetch(t.Context(), s.config(path), nil, env)
	wantSaid(t, err, fault.Unavailable, "source.being_written")
	if res.Bytes == 0 {
		t.Error("nothing is said to have travelled")
	}
}

// A file written again as it was leaves nothing in the spool; several that would each be the
// whole are refused, whichever changed.
func TestSFTPSameAgain(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "obs.csv", "a;b\n1;2\n")
	s := serveSFTP(t, nil)
	env, _ := testEnv(t, map[string]string{"password": "s3cret"})
	cfg := s.config(path)
	res := mustFetch(t, cfg, nil, env)
	later := time.Now().Add(time.Hour)
	if err := errors.Join(res.Done(), os.Chtimes(path, later, later)); err != nil {
		t.Fatal(err)
	}
	res = mustFetch(t, cfg, res.State, env)
	if err := res.Done(); err != nil || !res.Unchanged {
		t.Fatalf("%+v %v", res, err)
	}
	if left := tree(t, env.Spool); len(left) != 0 {
		t.Errorf("left in the spool: %q", left)
	}
	put(t, dir, "autre.csv", "a;b\n")
	cfg = s.config(dir + "/*.csv")
	cfg.Complete = true
	_, err := Fetch(t.Context(), cfg, res.State, env)
	wantSaid(t, err, fault.Invalid, "source.complete_pattern")
}
