// Package cli is the command line: it reads the settings once, wires the packages together
// and turns errors into sentences and exit codes. Nothing below it knows about flags, the
// environment or the terminal.
package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"garrigue/internal/fault"
	"garrigue/internal/i18n"
)

// Exit codes of the program.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// System is the outside world of one run, so that a test can be it.
type System struct {
	Stdin          io.Reader // answers to questions, nil for none
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Terminal       bool // Stderr is a terminal: progress is drawn in place
}

// IsTerminal reports whether f is a character device.
func IsTerminal(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// root is the grammar of the command line. Its words come from the catalogues, through the
// variables ${cli_…}.
type root struct {
	Dir      string `short:"C" name:"dir" placeholder:"DIR" help:"${cli_flag_dir}"`
	Database string `name:"database" placeholder:"URL" help:"${cli_flag_database}"`
	Progress string `name:"progress" placeholder:"auto|none|json" help:"${cli_flag_progress}"`

	Init        initCmd        `cmd:"" help:"${cli_init}"`
	Reference   referenceCmd   `cmd:"" help:"${cli_reference}"`
	Taxon       taxonCmd       `cmd:"" help:"${cli_taxon}"`
	Import      importCmd      `cmd:"" help:"${cli_import}"`
	Doctor      doctorCmd      `cmd:"" help:"${cli_doctor}"`
	Rejects     rejectsCmd     `cmd:"" help:"${cli_rejects}"`
	Consent     consentCmd     `cmd:"" help:"${cli_consent}"`
	Sensitivity sensitivityCmd `cmd:"" help:"${cli_sensitivity}"`
	History     historyCmd     `cmd:"" help:"${cli_history}"`
	Twins       twinsCmd       `cmd:"" help:"${cli_twins}"`
	Checks      checksCmd      `cmd:"" help:"${cli_checks}"`
	Vault       vaultCmd       `cmd:"" help:"${cli_vault}"`
	Export      exportCmd      `cmd:"" help:"${cli_export}"`
	Source      sourceCmd      `cmd:"" help:"${cli_source}"`
	Status      statusCmd      `cmd:"" help:"${cli_status}"`
	Policy      policyCmd      `cmd:"" help:"${cli_policy}"`
	Audit       auditCmd       `cmd:"" help:"${cli_audit}"`
	Publish     publishCmd     `cmd:"" help:"${cli_publish}"`
	Serve       serveCmd       `cmd:"" help:"${cli_serve}"`
	Demo        demoCmd        `cmd:"" help:"${cli_demo}"`
	Version     versionCmd     `cmd:"" help:"${cli_version}"`
}

// env is what a command runs with.
type env struct {
	ctx      context.Context
	sys      System
	lang     i18n.Lang
	dir      string
	log      *slog.Logger
	progress progressMode
	database string // address of the vault, from the flag or else the environment; "" for neither
	flagged  bool   // from the flag
}

func (e *env) t(key string, args ...any) string { return i18n.T(e.lang, key, args...) }

// say prints one line of the answer.
func (e *env) say(key string, args ...any) { fmt.Fprintln(e.sys.Stdout, e.t(key, args...)) }

// count prints the line of a key for a number of things.
func (e *env) count(key string, n int, args ...any) {
	fmt.Fprintln(e.sys.Stdout, i18n.N(e.lang, key, n, args...))
}

// json prints v for a machine.
func (e *env) json(v any) error {
	enc := json.NewEncoder(e.sys.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// usageError is a command line that makes no sense: exit code 2.
type usageError struct{ err error }

func (u usageError) Error() string { return u.err.Error() }

// Run runs one command line and returns the exit code: 0 done, 1 failed, 2 wrong usage.
func Run(ctx context.Context, args []string, sys System) int {
	lang := language(sys.Getenv)
	e := &env{ctx: ctx, sys: sys, lang: lang}
	e.log = slog.New(slog.NewTextHandler(sys.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))

	var r root
	exit := -1
	var help bytes.Buffer
	parser, err := kong.New(&r, kong.Name("garrigue"), kong.Description(e.t("cli.description")),
		words(lang), kong.Writers(&help, &help), kong.Exit(func(code int) { exit = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	if err != nil {
		fmt.Fprintln(sys.Stderr, err)
		return exitFailed
	}
	detail(parser.Model.Node, lang, "cli")
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if exit >= 0 { // --help has answered
		fmt.Fprint(sys.Stdout, translateHelp(lang, help.String()))
		return exit
	}
	if err != nil {
		return e.fail(usageError{err})
	}
	e.dir = firstOf(r.Dir, sys.Getenv("GARRIGUE_DIR"), ".")
	e.database, e.flagged = firstOf(r.Database, sys.Getenv("GARRIGUE_DATABASE")), r.Database != ""
	if e.progress, err = parseProgress(r.Progress); err != nil {
		return e.fail(usageError{err})
	}
	if err := k.Run(e); err != nil {
		return e.fail(err)
	}
	return exitOK
}

// fail tells the error in the user's words and returns the exit code.
func (e *env) fail(err error) int {
	var u usageError
	if errors.As(err, &u) {
		fmt.Fprintln(e.sys.Stderr, e.t("cli.usage", e.sentence(u.err)))
		return exitUsage
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(e.sys.Stderr, e.t("cli.interrupted"))
		return exitFailed
	}
	fmt.Fprintln(e.sys.Stderr, e.t("cli.error", e.sentence(err)))
	return exitFailed
}

// sentence tells an error to the person at the terminal. What is not their doing comes with
// its technical cause, since the terminal is also the log.
func (e *env) sentence(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	s := capital(i18n.T(e.lang, f.Key, f.Args...))
	if f.Cause != nil && (f.Kind == fault.Internal || f.Kind == fault.Unavailable) {
		s += "\n  " + f.Cause.Error()
	}
	return s
}

// language chooses the language of the command line: GARRIGUE_LANG, then LC_ALL and LANG
// when they name one we have, else French.
func language(getenv func(string) string) i18n.Lang {
	for _, v := range []string{"GARRIGUE_LANG", "LC_ALL", "LANG"} {
		if l, ok := i18n.Parse(getenv(v)); ok {
			return l
		}
	}
	return i18n.FR
}

// words gives kong every catalogue entry "cli.…" as the variable cli_….
func words(lang i18n.Lang) kong.Vars {
	vars := kong.Vars{}
	for _, k := range i18n.Keys(i18n.FR) {
		if strings.HasPrefix(k, "cli.") {
			vars[strings.ReplaceAll(k, ".", "_")] = i18n.T(lang, k)
		}
	}
	return vars
}

// detail gives every command the longer text and the example of its catalogue entry
// "cli.<command>.help".
func detail(n *kong.Node, lang i18n.Lang, key string) {
	if k := key + ".help"; n.Type == kong.CommandNode && i18n.Has(i18n.FR, k) {
		n.Detail = i18n.T(lang, k)
	}
	for _, c := range n.Children {
		detail(c, lang, key+"."+c.Name)
	}
}

// translateHelp puts the few words of the help printer itself into the language.
func translateHelp(lang i18n.Lang, s string) string {
	if lang == i18n.EN {
		return s
	}
	return strings.NewReplacer(
		"Usage: ", i18n.T(lang, "cli.help.usage")+" ",
		"\nFlags:\n", "\n"+i18n.T(lang, "cli.help.flags")+"\n",
		"\nArguments:\n", "\n"+i18n.T(lang, "cli.help.arguments")+"\n",
		"\nCommands:\n", "\n"+i18n.T(lang, "cli.help.commands")+"\n",
		"[flags]", i18n.T(lang, "cli.help.flagsword"),
		"<command>", i18n.T(lang, "cli.help.commandword"),
		"Show context-sensitive help.", i18n.T(lang, "cli.help.help"),
		`Run "garrigue <command> --help" for more information on a command.`, i18n.T(lang, "cli.help.more"),
	).Replace(s)
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// capital writes the first letter of a sentence large, unless it begins with a file's name.
func capital(s string) string {
	word, _, _ := strings.Cut(s, " ")
	r, n := utf8.DecodeRuneInString(s)
	if strings.ContainsAny(word, "./_") {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
