package cli

import (
	"fmt"
	"strings"
	"time"

	"garrigue/internal/disclosure"
	"garrigue/internal/vault"
)

// historyCmd shows the life of one observation.
type historyCmd struct {
	Observation string `arg:"" name:"observation" help:"${cli_history_observation}"`
	Reason      string `name:"reason" placeholder:"TEXT" help:"${cli_history_reason}"`
	JSON        bool   `name:"json" help:"${cli_flag_json}"`
}

// lifeLine is one event for a machine.
type lifeLine struct {
	At      time.Time    `json:"at"`
	Event   string       `json:"event"`
	Batch   int64        `json:"batch,omitempty"`
	File    string       `json:"file,omitempty"`
	Source  string       `json:"source,omitempty"`
	By      string       `json:"by,omitempty"`
	Changes []changeLine `json:"changes,omitempty"`
}

type changeLine struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

type lifeOf struct {
	Observation int64      `json:"observation"`
	Events      []lifeLine `json:"events"`
}

// Run prints the events of every observation that the name stands for, oldest first. It reads
// exact content: who asked, and why, is kept in the journal.
func (c *historyCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		ids, err := db.Find(e.ctx, c.Observation)
		if err != nil {
			return err
		}
		g := disclosure.Grant{Who: firstOf(e.sys.Getenv("GARRIGUE_USER"), userName(), "garrigue history"), Reason: firstOf(c.Reason, "history of "+c.Observation)}
		var out []lifeOf
		for _, id := range ids {
			events, err := db.Timeline(e.ctx, g, id)
			if err != nil {
				return err
			}
			l := lifeOf{Observation: id}
			for _, ev := range events {
				line := lifeLine{At: ev.At, Event: ev.Kind, Batch: ev.Batch, File: ev.File, Source: ev.Source, By: ev.By}
				for _, ch := range ev.Changes {
					line.Changes = append(line.Changes, changeLine(ch))
				}
				l.Events = append(l.Events, line)
			}
			out = append(out, l)
		}
		if c.JSON {
			return e.json(out)
		}
		for _, l := range out {
			e.say("history.observation", fmt.Sprint(l.Observation))
			for _, ev := range l.Events {
				printEvent(e, &ev)
			}
		}
		return nil
	})
}

func printEvent(e *env, ev *lifeLine) {
	var origin []string
	if ev.Batch != 0 {
		origin = append(origin, e.t("history.batch", fmt.Sprint(ev.Batch)))
	}
	for _, s := range []string{ev.File, ev.Source, ev.By} {
		if s != "" {
			origin = append(origin, s)
		}
	}
	e.say("history.event", ev.At.Local().Format("2006-01-02 15:04"), e.t("history."+ev.Event), strings.Join(origin, ", "))
	for _, c := range ev.Changes {
		e.say("history.change", c.Field, shown(e, c.Before), shown(e, c.After))
	}
}

// shown shortens a value for a line of the terminal.
func shown(e *env, v string) string {
	const most = 60
	if v == "" {
		return e.t("history.nothing")
	}
	if r := []rune(v); len(r) > most {
		return string(r[:most]) + "…"
	}
	return v
}

// twinsCmd lists observations that came by several roads.
type twinsCmd struct {
	Limit int  `name:"limit" default:"20" help:"${cli_twins_limit}"`
	JSON  bool `name:"json" help:"${cli_flag_json}"`
}

// Run prints the clusters with their datasets: neither names nor places.
func (c *twinsCmd) Run(e *env) error {
	return withInstance(e, func(_ *settings, db *vault.DB) error {
		list, err := db.Twins(e.ctx, c.Limit)
		if err != nil {
			return err
		}
		if c.JSON {
			if list == nil {
				list = []vault.Twin{}
			}
			return e.json(list)
		}
		if len(list) == 0 {
			e.say("twins.none")
		}
		for i, t := range list {
			if i == 0 || list[i-1].Cluster != t.Cluster {
				e.say("twins.cluster", fmt.Sprint(t.Cluster), fmt.Sprint(t.CdRef))
			}
			e.say("twins.member", fmt.Sprint(t.Slot), fmt.Sprint(t.Observation), t.Dataset)
		}
		return nil
	})
}
