package cli

import (
	"fmt"
	"strings"

	"garrigue/internal/fault"
	"garrigue/internal/quality"
)

// checksCmd lists the checks of an import, or tells of one.
type checksCmd struct {
	Code     string `arg:"" optional:"" name:"code" help:"${cli_checks_code}"`
	Markdown bool   `name:"markdown" help:"${cli_checks_markdown}"`
	JSON     bool   `name:"json" help:"${cli_flag_json}"`
}

// toldCheck is a check as machines read it.
type toldCheck struct {
	Code    quality.Code `json:"code"`
	Level   string       `json:"level"`
	Subject string       `json:"subject"`
	Says    string       `json:"says"`
	Origin  string       `json:"origin"`
	Example string       `json:"example,omitempty"`
	Do      string       `json:"do,omitempty"`
}

// Run prints the checks; it needs no instance.
func (c *checksCmd) Run(e *env) error {
	if c.Markdown {
		fmt.Fprint(e.sys.Stdout, quality.Guide(e.lang))
		return nil
	}
	var list []toldCheck
	for _, k := range quality.Checks() {
		if c.Code != "" && !strings.EqualFold(c.Code, string(k.Code)) {
			continue
		}
		list = append(list, toldCheck{k.Code, k.Code.Severity().Level(e.lang), k.Subject, e.t("quality." + string(k.Code)), k.Origin, k.Example, k.Code.Advice(e.lang)})
	}
	switch {
	case len(list) == 0:
		return usageError{fault.Say(fault.Invalid, "checks.unknown", c.Code)}
	case c.JSON:
		return e.json(list)
	case c.Code != "":
		k := list[0]
		e.say("checks.detail", k.Code, k.Level, k.Says, k.Origin, k.Example, k.Do)
		return nil
	}
	for _, k := range list {
		fmt.Fprintf(e.sys.Stdout, "%-34s %-14s %s\n", k.Code, k.Level, k.Says)
	}
	return nil
}
