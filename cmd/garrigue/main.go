// Command garrigue runs a regional biodiversity platform: see README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"garrigue/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Run(ctx, os.Args[1:], cli.System{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Terminal: cli.IsTerminal(os.Stderr),
	}))
}
