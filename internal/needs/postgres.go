package needs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres returns the address of a database nobody else uses, empty but for PostGIS, which
// goes with the test. It is on a private server of this machine, that all test programs share
// and that goes a few seconds after the last of them, however that ends; it writes nothing for
// good (fsync off) and sorts texts as French does, to show what leans on the order of bytes.
// GARRIGUE_TEST_DATABASE gives the address of another server, whose user may create databases.
func Postgres(t testing.TB) string {
	t.Helper()
	if address := os.Getenv("GARRIGUE_TEST_DATABASE"); address != "" {
		return newDatabase(t, address, "template0", true)
	}
	s := serve(t, filepath.Join(os.TempDir(), "garrigue-test-postgres-"+strconv.Itoa(os.Getuid())), false)
	return newDatabase(t, s.URL("postgres"), template, false)
}

// PostgresLike returns the address of a copy of a database of Postgres, which nobody has open.
func PostgresLike(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("not an address of Postgres")
	}
	from := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	if server := os.Getenv("GARRIGUE_TEST_DATABASE"); server != "" {
		return newDatabase(t, server, from, false)
	}
	return newDatabase(t, u.String(), from, false)
}

// NewServer starts a server of the test's own, that it may stop. It writes for good, as a real
// one does.
func NewServer(t testing.TB) *Server {
	t.Helper()
	return serve(t, shortDir(t), true)
}

// Server is a private PostgreSQL server.
type Server struct {
	dir, bin string
	port     int
	uid, gid uint32
}

// template is the database with PostGIS that others are copied from.
const template = "garrigue_template"

// URL is the address of a database of the server, as its superuser.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// Database returns the address of a new database of the server, with PostGIS.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return newDatabase(t, s.URL("postgres"), template, false)
}

// Empty returns the address of a new database of the server, without PostGIS.
func (s *Server) Empty(t testing.TB) string {
	t.Helper()
	return newDatabase(t, s.URL("postgres"), "template0", false)
}

// Standby makes a server that follows this one and is read only. It applies what it receives
// after a delay, such as "500ms".
func (s *Server) Standby(t testing.TB, delay string) *Server {
	t.Helper()
	f := &Server{dir: shortDir(t), bin: s.bin, uid: s.uid, gid: s.gid}
	err := f.begin(true, func() error {
		if err := f.run("pg_basebackup", "-d", s.URL(""), "-D", f.data(), "-R", "-c", "fast", "--no-sync"); err != nil {
			return err
		}
		if err := f.settle("recovery_min_apply_delay = '" + delay + "'\n"); err != nil {
			return err
		}
		return f.start()
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Restart stops the server in a mode of pg_ctl ("fast", or "immediate" as a crash does) and
// starts it again.
func (s *Server) Restart(t testing.TB, mode string) {
	t.Helper()
	s.Stop(t, mode)
	s.Start(t)
}

// Stop stops the server.
func (s *Server) Stop(t testing.TB, mode string) {
	t.Helper()
	if err := s.run("pg_ctl", "stop", "-D", s.data(), "-m", mode, "-s", "-w"); err != nil {
		t.Fatal(err)
	}
}

// Start starts a server that was stopped.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// Dir is the folder of the server's data.
func (s *Server) Dir() string { return s.data() }

// Command prepares a program of the server's version, run as its owner.
func (s *Server) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+s.dir)
	if s.uid != uint32(os.Getuid()) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.uid, Gid: s.gid}}
	}
	return cmd
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) run(name string, args ...string) error {
	out, err := s.Command(context.Background(), name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// serve makes the server of a folder run, for as long as this program lives.
func serve(t testing.TB, dir string, durable bool) *Server {
	t.Helper()
	s := &Server{dir: dir, bin: postgresBin(), uid: uint32(os.Getuid()), gid: uint32(os.Getgid())}
	if s.bin == "" {
		Missing(t, "PostgreSQL 15 or newer is not installed")
	}
	if _, err := exec.LookPath("flock"); err != nil {
		Missing(t, "flock (util-linux) is not installed")
	}
	if s.uid == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			Missing(t, "there is no user postgres to run the server as")
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		s.uid, s.gid = uint32(uid), uint32(gid)
	}
	if err := s.begin(durable, func() error { return s.create(durable) }); err != nil {
		t.Fatal(err)
	}
	return s
}

// begin makes and starts the server unless another program did. Each program that uses it holds a
// shared lock, which ends with the program; the watchdog waits until there is none.
func (s *Server) begin(durable bool, create func() error) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	starting, err := lock(s.dir+".start", syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer syscall.Close(starting)
	if _, err := lock(s.dir+".users", syscall.LOCK_SH); err != nil { // held until this program ends
		return err
	}
	port, err := os.ReadFile(filepath.Join(s.dir, "ready"))
	if err == nil {
		if s.port, err = strconv.Atoi(strings.TrimSpace(string(port))); err == nil && s.answers() {
			return nil
		}
	}
	s.run("pg_ctl", "stop", "-D", s.data(), "-m", "immediate", "-s") // of a machine that was stopped: nothing to stop
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	if err := os.Chown(s.dir, int(s.uid), int(s.gid)); err != nil {
		return err
	}
	if err := s.watch(durable); err != nil {
		return err
	}
	if err := create(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.dir, "ready"), []byte(strconv.Itoa(s.port)), 0o644)
}

// lock opens a file and locks it; the lock ends when the file is closed, or the program ends.
// (An os.File would be closed once nothing refers to it.)
func lock(path string, how int) (fd int, err error) {
	fd, err = syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o666)
	if err != nil {
		return 0, err
	}
	for {
		err := syscall.Flock(fd, how)
		if err == nil {
			return fd, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			syscall.Close(fd)
			return 0, err
		}
	}
}

// watch starts the watchdog: a shell of its own session, that outlives this program, waits for
// the last user to end, gives others a few seconds to come, and removes everything.
func (s *Server) watch(durable bool) error {
	const script = `while :; do flock -x "$0.users" true; sleep 4; flock -xn "$0.users" sh -c '
		read -r pid <"$0/data/postmaster.pid" && kill -QUIT "$pid" && while kill -0 "$pid"; do sleep 0.1; done
		rm -rf "$0"' "$0" 2>/dev/null && break; done; rm -f $1`
	locks := "" // those of the shared server stay: another program may have them open
	if durable {
		locks = s.dir + ".users " + s.dir + ".start"
	}
	cmd := s.Command(context.Background(), "sh", "-c", script, s.dir, locks)
	cmd.Path = "/bin/sh"
	cmd.Dir = "/"
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = nil // it removes what this program made
	cmd.SysProcAttr.Setsid = true
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// create makes the cluster and the template database.
func (s *Server) create(durable bool) error {
	if err := s.run("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
		"--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=fr-FR"); err != nil {
		return err
	}
	settings := "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 200\nshared_buffers = 256MB\n" +
		"maintenance_work_mem = 256MB\nmax_wal_size = 4GB\nlogging_collector = off\nlog_min_messages = fatal\n"
	if !durable {
		settings += "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nautovacuum = off\n"
	}
	if err := s.settle(settings); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	ctx := context.Background()
	if err := ask(ctx, s.URL("postgres"), `CREATE DATABASE `+template); err != nil {
		return err
	}
	return ask(ctx, s.URL(template), `CREATE EXTENSION postgis`)
}

// settle adds settings to those of the server, and a port that is free.
func (s *Server) settle(settings string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	settings += fmt.Sprintf("port = %d\n", s.port)
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(settings); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func (s *Server) start() error {
	return s.run("pg_ctl", "start", "-D", s.data(), "-l", filepath.Join(s.dir, "log"), "-s", "-w")
}

func (s *Server) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return ask(ctx, s.URL(template), `SELECT 1`) == nil
}

func ask(ctx context.Context, address, text string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, text)
	return errors.Join(err, conn.Close(ctx))
}

// newDatabase creates a database from a template, dropped when the test ends.
func newDatabase(t testing.TB, server, from string, postgis bool) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("GARRIGUE_TEST_DATABASE is not a URL")
	}
	name := fmt.Sprintf("garrigue_%d_%d", os.Getpid(), time.Now().UnixNano())
	ctx := context.Background()
	if err := ask(ctx, server, `CREATE DATABASE `+name+` TEMPLATE `+from+` ENCODING 'UTF8'`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ask(ctx, server, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
			t.Log(err)
		}
	})
	u.Path = "/" + name
	if postgis {
		if err := ask(ctx, u.String(), `CREATE EXTENSION IF NOT EXISTS postgis`); err != nil {
			t.Fatal(err)
		}
	}
	return u.String()
}

// postgresBin finds the newest server's programs; "" when there is none of 15 or newer.
func postgresBin() string {
	for version := 40; version >= 15; version-- {
		dir := fmt.Sprintf("/usr/lib/postgresql/%d/bin", version)
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	return ""
}

// shortDir is a folder that the server's user may enter.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "garrigue-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
