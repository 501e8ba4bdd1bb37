package source

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"garrigue/internal/fault"
)

// checkSFTP asks for a way to know the server: there is no way to do without.
func checkSFTP(cfg Config) error {
	print, known := cfg.Options[OptionFingerprint], cfg.Options[OptionKnownHosts]
	if (print == "") == (known == "") {
		return fault.Say(fault.Invalid, "source.host_key_setting", cfg.Name)
	}
	if print != "" && !strings.HasPrefix(print, "SHA256:") {
		return wrong(cfg, "options."+OptionFingerprint, print)
	}
	return nil
}

// remote is an open SFTP session.
type remote struct {
	*sftp.Client
	conn *ssh.Client
	at   string // for people
	path string // what is asked of it
}

// Close ends the connection first: ending the session alone waits for the server.
func (r *remote) Close() {
	r.conn.Close()
	r.Client.Close()
}

// patient is a connection on which nothing for the time-out is an error.
type patient struct {
	net.Conn
	timeout time.Duration
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (p patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(p.timeout)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// dialSFTP opens a session. It ends with ctx. A server has keys of several kinds and shows one
// of a kind we ask for, which need not be the one we know: the others are asked for in turn.
func dialSFTP(ctx context.Context, cfg Config, env Env, l limits) (r *remote, release func(), err error) {
	_, u := scheme(cfg.Location)
	config, err := sshConfig(cfg, env, u)
	if err != nil {
		return nil, nil, err
	}
	for _, config.HostKeyAlgorithms = range [][]string{{ssh.KeyAlgoED25519}, {ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521},
		{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
		{ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoRSASHA512v01}} {
		var another *ssh.AlgorithmNegotiationError
		var said *fault.Error
		r, release, err = openSFTP(ctx, config, u, l)
		if !(errors.As(err, &another) && another.What == "host key") && !(errors.As(err, &said) && said.Key == "source.host_key") {
			return r, release, err
		}
	}
	return nil, nil, fault.Say(fault.Forbidden, "source.host_key", place(u)).Because(err)
}

// openSFTP opens a session with one kind of key of the server.
func openSFTP(ctx context.Context, config *ssh.ClientConfig, u *url.URL, l limits) (*remote, func(), error) {
	at := place(u)
	address := net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "22"))
	conn, err := (&net.Dialer{Timeout: 20 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, fault.Say(fault.Unavailable, "source.unreachable", at).Because(err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	fail := func(err error) (*remote, func(), error) {
		stop()
		conn.Close()
		return nil, nil, sshError(at, err)
	}
	c, channels, requests, err := ssh.NewClientConn(patient{conn, l.timeout}, address, config)
	if err != nil {
		return fail(err)
	}
	client := ssh.NewClient(c, channels, requests)
	s, err := sftp.NewClient(client)
	if err != nil {
		client.Close()
		return fail(err)
	}
	return &remote{Client: s, conn: client, at: at, path: u.Path}, func() { stop() }, nil
}

var errNotTheHost = errors.New("the server's key is another one")

func sshConfig(cfg Config, env Env, u *url.URL) (*ssh.ClientConfig, error) {
	c := &ssh.ClientConfig{User: u.User.Username(), Timeout: 20 * time.Second}
	if known := cfg.Options[OptionKnownHosts]; known != "" {
		check, err := knownhosts.New(known)
		if err != nil {
			return nil, fault.Say(fault.Invalid, "source.known_hosts", cfg.Name, known).Because(err)
		}
		c.HostKeyCallback = check
	} else {
		want := cfg.Options[OptionFingerprint]
		c.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if ssh.FingerprintSHA256(key) != want {
				return errNotTheHost
			}
			return nil
		}
	}
	secret := func(name string) (string, error) {
		if cfg.Secrets[name] == "" {
			return "", nil
		}
		return env.Secret(name)
	}
	user, err := secret("user")
	if err != nil {
		return nil, err
	}
	c.User = cmp.Or(user, c.User)
	password, err := secret("password")
	if err != nil {
		return nil, err
	}
	key, err := secret("key")
	if err != nil {
		return nil, err
	}
	switch {
	case key != "":
		signer, err := ssh.ParsePrivateKey([]byte(key))
		var locked *ssh.PassphraseMissingError
		if errors.As(err, &locked) {
			signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(password))
		}
		if err != nil {
			return nil, fault.Say(fault.Invalid, "source.ssh_key", cfg.Name) // the cause could quote the key
		}
		c.Auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	case password != "":
		c.Auth = []ssh.AuthMethod{ssh.Password(password)}
	default:
		return nil, fault.Say(fault.Invalid, "source.no_credentials", cfg.Name)
	}
	return c, nil
}

// sshError gives an error of the session its sentence.
func sshError(at string, err error) error {
	var unknown *knownhosts.KeyError
	var status *sftp.StatusError
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, errNotTheHost), errors.As(err, &unknown):
		return fault.Say(fault.Forbidden, "source.host_key", at)
	case strings.Contains(err.Error(), "unable to authenticate"): // the library has no type for it
		return fault.Say(fault.Forbidden, "source.forbidden", at, "SSH")
	case errors.Is(err, os.ErrNotExist):
		return fault.Say(fault.NotFound, "source.not_found", at)
	case errors.Is(err, os.ErrPermission):
		return fault.Say(fault.Forbidden, "source.forbidden", at, "SFTP")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.Say(fault.Unavailable, "source.stalled", at, "").Because(err)
	case errors.As(err, &status):
		return fault.Say(fault.Unavailable, "source.unreachable", at).Because(err)
	}
	return fault.Say(fault.Unavailable, "source.unreachable", at).Because(err)
}

// fetchSFTP brings the files of a path or pattern that changed, each resumed where it was cut.
func fetchSFTP(ctx context.Context, cfg Config, was fileState, env Env) (Result, error) {
	l, err := limitsOf(cfg)
	if err != nil {
		return Result{}, err
	}
	moved := int64(0)
	for try, round := 1, 1; ; try, round = try+1, round+1 {
		run := &sftpRun{cfg: cfg, was: was, env: env, limits: l}
		res, err := run.once(ctx)
		moved += run.moved
		res.Bytes = moved
		switch {
		case err == nil:
			return res, nil
		case ctx.Err() != nil:
			return res, ctx.Err()
		case !fault.Is(err, fault.Unavailable):
			return res, err
		}
		if run.moved > 0 && !run.lost {
			try = min(try, 1) // it goes on where it was
		}
		if try >= l.tries || round >= maxRounds {
			return res, err
		}
		c := client{sleep: env.Sleep, log: env.Log}
		if err := c.pause(ctx, try, 0); err != nil {
			return res, err
		}
	}
}

// sftpRun is one session.
type sftpRun struct {
	cfg    Config
	was    fileState
	env    Env
	limits limits
	moved  int64
	lost   bool // what came is of no use: the file changed meanwhile
}

func (s *sftpRun) once(ctx context.Context) (res Result, err error) {
	r, release, err := dialSFTP(ctx, s.cfg, s.env, s.limits)
	if err != nil {
		return res, err
	}
	defer release()
	defer r.Close()
	files, err := r.files()
	if err != nil {
		return res, err
	}
	if err := oneFile(s.cfg, len(files)); err != nil {
		return res, err
	}
	now := fileState{Files: map[string]mark{}}
	var over []*transfer
	for _, f := range files {
		t, m, changed, err := s.bring(ctx, r, f)
		if err != nil {
			return res, err
		}
		old := s.was.Files[f.path]
		now.Files[f.path] = m
		if !changed {
			continue
		}
		over = append(over, t)
		if m.SHA256 == old.SHA256 && old.SHA256 != "" {
			continue // written again as it was
		}
		res.Files = append(res.Files, File{Path: t.path(), Name: t.about.Name, Complete: s.cfg.Complete})
	}
	res.Unchanged = len(res.Files) == 0
	res.Done = func() error {
		var errs []error
		for _, t := range over {
			errs = append(errs, t.drop())
		}
		return errors.Join(errs...)
	}
	res.State, err = writeState(now)
	return res, err
}

// remoteFile is a file of the server.
type remoteFile struct {
	path string
	info os.FileInfo
}

// files lists what the path names: itself, or what the pattern matches, in order.
func (r *remote) files() ([]remoteFile, error) {
	names := []string{r.path}
	if strings.ContainsAny(r.path, "*?[") {
		var err error
		if names, err = r.Glob(r.path); err != nil {
			return nil, sshError(r.at, err)
		}
	}
	var list []remoteFile
	for _, n := range names {
		info, err := r.Stat(n)
		if err != nil {
			return nil, sshError(r.at, err)
		}
		if info.Mode().IsRegular() {
			list = append(list, remoteFile{n, info})
		}
	}
	if len(list) == 0 {
		return nil, fault.Say(fault.NotFound, "source.not_found", r.at)
	}
	return list, nil
}

// bring takes one file from where its part ends.
func (s *sftpRun) bring(ctx context.Context, r *remote, f remoteFile) (t *transfer, m mark, changed bool, err error) {
	m = mark{Size: f.info.Size(), Modified: stamp(f.info.ModTime())}
	if old, known := s.was.Files[f.path]; known && old.Size == m.Size && old.Modified == m.Modified {
		return nil, old, false, nil
	}
	if m.Size > s.limits.maxSize {
		return nil, m, false, fault.Say(fault.Invalid, "source.too_large", r.at, size(s.limits.maxSize))
	}
	if t, err = openTransfer(s.env.Spool, s.cfg.Location+" "+f.path); err != nil {
		return nil, m, false, err
	}
	ours := t.about.Mark.Size == m.Size && t.about.Mark.Modified == m.Modified
	if t.about.Whole && ours {
		return t, t.about.Mark, true, nil
	}
	if have := t.have(); !ours || t.about.Whole || have > m.Size {
		if err := t.begin(about{Mark: m, Name: safeName(path.Base(f.path), s.cfg.Name), Total: m.Size}); err != nil {
			return nil, m, false, err
		}
	}
	remoteFile, err := r.Open(f.path)
	if err != nil {
		return nil, m, false, sshError(r.at, err)
	}
	defer remoteFile.Close()
	if _, err := remoteFile.Seek(t.have(), io.SeekStart); err != nil {
		return nil, m, false, sshError(r.at, err)
	}
	n, err := t.add(remoteFile, s.limits.maxSize, func(have int64) {
		s.env.Progress(Progress{Source: s.cfg.Name, Step: "fetch", Done: have, Total: m.Size})
	})
	s.moved += n
	if errors.Is(err, errTooLarge) {
		return nil, m, false, errors.Join(fault.Say(fault.Invalid, "source.too_large", r.at, size(s.limits.maxSize)), t.forget())
	}
	if err != nil {
		return nil, m, false, sshError(r.at, err)
	}
	if after, err := r.Stat(f.path); err != nil || after.Size() != m.Size || !after.ModTime().Equal(f.info.ModTime()) || t.have() != m.Size {
		s.lost = true
		return nil, m, false, errors.Join(fault.Say(fault.Unavailable, "source.being_written", path.Base(f.path)), t.forget())
	}
	if err := t.finish(ctx, s.limits.maxSize); err != nil {
		return nil, m, false, err
	}
	return t, t.about.Mark, true, nil
}

func testSFTP(ctx context.Context, cfg Config, env Env) (TestReport, error) {
	_, u := scheme(cfg.Location)
	rep := TestReport{Place: place(u)}
	l, err := limitsOf(cfg)
	if err != nil {
		return rep, err
	}
	r, release, err := dialSFTP(ctx, cfg, env, l)
	if err != nil {
		return rep, err
	}
	defer release()
	defer r.Close()
	rep.Reached, rep.Resumes = true, true
	files, err := r.files()
	if err != nil {
		return rep, err
	}
	rep.Files = len(files)
	if err := oneFile(cfg, len(files)); err != nil {
		return rep, err
	}
	for _, f := range files {
		rep.Bytes += f.info.Size()
	}
	first, err := r.Open(files[0].path)
	if err != nil {
		return rep, sshError(r.at, err)
	}
	defer first.Close()
	rep.Columns, rep.Allowed = firstColumns(io.LimitReader(first, 16<<10)), true
	return rep, nil
}
