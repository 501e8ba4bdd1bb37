package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"time"

	"garrigue/internal/civil"
	"garrigue/internal/fault"
	"garrigue/internal/vault"
)

// initCmd makes a new instance: settings and an empty vault.
type initCmd struct {
	Directory string `arg:"" name:"dir" help:"${cli_init_dir}"`
	Name      string `name:"name" default:"Garrigue" help:"${cli_init_name}"`
	Territory string `name:"territory" default:"Occitanie" help:"${cli_init_territory}"`
	Publisher string `name:"publisher" help:"${cli_init_publisher}"`
}

// Run writes DIR/garrigue.toml and makes the vault, DIR/vault.sqlite or --database. Conflict when there is an instance.
func (c *initCmd) Run(e *env) error {
	if err := createInstance(e, c.Directory, c.Name, c.Territory, c.Publisher, false); err != nil {
		return err
	}
	e.say("init.done", c.Directory)
	return nil
}

func createInstance(e *env, dir, name, territory, publisher string, fictional bool) error {
	path := filepath.Join(dir, settingsFile)
	if _, err := os.Stat(path); err == nil {
		return fault.Say(fault.Conflict, "init.exists", dir)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fault.Say(fault.Invalid, "init.mkdir", dir).Because(err)
	}
	var b bytes.Buffer
	address := e.database
	if fictional && !e.flagged { // the environment may name the real one
		address = ""
	}
	written, err := forSettings(address)
	if err != nil {
		return err
	}
	if err := writeSettings(&b, e.lang, name, territory, publisher, written, fictional); err != nil {
		return err
	}
	db, err := vault.Open(e.ctx, firstOf(address, vaultPath(dir)))
	if err != nil {
		return err
	}
	if err := db.Close(); err != nil {
		return err
	}
	// The settings come last: a folder is an instance once they are there.
	return os.WriteFile(path, b.Bytes(), 0o640)
}

// withInstance reads the settings of the instance of e, opens its vault, runs f on both and
// closes the vault.
func withInstance(e *env, f func(*settings, *vault.DB) error) (err error) {
	s, err := loadSettings(e.dir)
	if err != nil {
		return err
	}
	db, err := vault.Open(e.ctx, e.vaultAddress(s))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return f(s, db)
}

// today is the civil date of the machine.
func today() civil.Date { return civil.Of(time.Now()) }

// versionCmd prints the version.
type versionCmd struct{}

// Run prints the module's version as the Go toolchain stamped it.
func (versionCmd) Run(e *env) error {
	e.say("version.line", buildVersion())
	return nil
}
