package cli

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"garrigue/internal/fault"
	"garrigue/internal/vault"
)

// vaultCmd looks after the vault itself.
type vaultCmd struct {
	Where vaultWhereCmd `cmd:"" help:"${cli_vault_where}"`
	Check vaultCheckCmd `cmd:"" help:"${cli_vault_check}"`
	Copy  vaultCopyCmd  `cmd:"" help:"${cli_vault_copy}"`
}

// vaultAddress is where the vault of the instance is: the flag, the environment, the
// settings, or else the file in its folder.
func (e *env) vaultAddress(s *settings) string {
	if e.database != "" {
		return e.database
	}
	address := s.Vault.Database
	if address == "" {
		return vaultPath(e.dir)
	}
	if !strings.Contains(address, "://") && !filepath.IsAbs(address) {
		return filepath.Join(e.dir, address)
	}
	if info, err := os.Stat(filepath.Join(e.dir, settingsFile)); err == nil && info.Mode()&0o077 != 0 && withoutPassword(address) != address {
		fmt.Fprintln(e.sys.Stderr, e.t("vaultcmd.password_readable", filepath.Join(e.dir, settingsFile)))
	}
	return address
}

// forSettings is an address as it is written in settings: without its password, and whole, since
// there a path is one from the folder of the instance.
func forSettings(address string) (string, error) {
	if address == "" || strings.Contains(address, "://") {
		return withoutPassword(address), nil
	}
	path, err := filepath.Abs(address)
	if err != nil {
		return "", fault.Say(fault.Invalid, "vault.no_folder").Because(err)
	}
	return path, nil
}

// withoutPassword is an address that can be shown and written down.
func withoutPassword(address string) string {
	if !vault.IsURL(address) {
		return address
	}
	u, err := url.Parse(address)
	if err != nil { // what net/url does not know, as several hosts in IPv6
		scheme, rest, _ := strings.Cut(address, "://")
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			user, _, _ := strings.Cut(rest[:i], ":")
			rest = user + rest[i:]
		}
		rest, _, _ = strings.Cut(rest, "?") // may have one too
		return scheme + "://" + rest
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	if q.Has("password") || q.Has("sslpassword") {
		q.Del("password")
		q.Del("sslpassword")
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// vaultWhereCmd says where the vault is, on which engine, and how large.
type vaultWhereCmd struct {
	JSON bool `name:"json" help:"${cli_flag_json}"`
}

// Run prints the engine, the address without its password, the size and the rows.
func (c *vaultWhereCmd) Run(e *env) error {
	return withInstance(e, func(s *settings, db *vault.DB) error {
		l, err := db.Where(e.ctx)
		if err != nil {
			return err
		}
		address := withoutPassword(e.vaultAddress(s))
		if c.JSON {
			return e.json(struct {
				Address string `json:"address"`
				vault.Location
			}{address, l})
		}
		e.say("vaultcmd.where", address, l.Engine, l.Observations, l.Bytes/1_000_000, l.Schema)
		return nil
	})
}

// vaultCheckCmd verifies the whole vault.
type vaultCheckCmd struct{}

// Run reads everything; Internal when something is damaged.
func (vaultCheckCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		if err := db.Check(e.ctx); err != nil {
			return err
		}
		e.say("vaultcmd.sound")
		return nil
	})
}

// vaultCopyCmd copies the vault into an empty one, on any engine.
type vaultCopyCmd struct {
	To   string `name:"to" required:"" placeholder:"URL" help:"${cli_vault_copy_to}"`
	JSON bool   `name:"json" help:"${cli_flag_json}"`
}

// Run copies, then prints each table with its rows and its checksum.
func (c *vaultCopyCmd) Run(e *env) error {
	return withInstance(e, func(s *settings, db *vault.DB) (err error) {
		to, err := vault.Open(e.ctx, c.To)
		if err != nil {
			return err
		}
		defer to.Close()
		p := newProgress(e, c.JSON)
		report, err := vault.Copy(e.ctx, db, to, func(done, total int64) { p.update("vaultcmd.copying", done, total) })
		p.finish()
		if c.JSON && err == nil {
			return e.json(report)
		}
		printCopy(e, report)
		if err != nil {
			return err
		}
		address, err := forSettings(c.To)
		if err != nil {
			return err
		}
		e.say("vaultcmd.copied", report.Rows, address)
		return nil
	})
}

func printCopy(e *env, report vault.CopyReport) {
	w := tabwriter.NewWriter(e.sys.Stdout, 0, 4, 2, ' ', 0)
	for _, t := range report.Tables {
		verdict := "="
		if !t.Equal {
			verdict = "≠"
		}
		fmt.Fprintf(w, "%s.%s\t%d\t%s\t%s\n", t.Set, t.Name, t.Rows, t.Checksum, verdict)
	}
	w.Flush()
}
