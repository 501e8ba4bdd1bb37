#!/usr/bin/env bash
# make bench: the figures to hold, each with a limit measured in the same run. Nothing here is
# a timed test: it prints, people judge. The bars are those of the project's design.
#   GARRIGUE_BENCH_ROWS  sizes (default 100000,1900000)
#   GARRIGUE_BENCH_DIR   keep the instances there
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
cat <<'T'
bars: import >= 30,000 rows/s and >= 0.5 of-raw-insert · publish of 1.9 million < 30 s ·
      species sheet p99 < 10 ms at 300/s, >= 1,500 req/s, memory serving < 150 MB
T
keep=${GARRIGUE_BENCH_DIR:-}
if [ -z "$keep" ]; then
  GARRIGUE_BENCH_DIR=$(mktemp -d)
  export GARRIGUE_BENCH_DIR
  trap 'rm -rf "$GARRIGUE_BENCH_DIR"' EXIT
fi
go test -run '^$' -bench . -benchtime 1x -timeout 60m .
go test -run '^$' -bench . -benchtime 1s -timeout 30m ./internal/...
