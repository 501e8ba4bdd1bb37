#!/usr/bin/env bash
# make fuzz: each fuzz target of the tree for FUZZTIME (default a minute).
set -euo pipefail
cd "$(dirname "$0")/.."
git grep -hn -E '^func Fuzz[A-Za-z0-9_]+\(' -- 'internal/*_test.go' >/dev/null || { echo "no fuzz target"; exit 1; }
git grep -l -E '^func Fuzz[A-Za-z0-9_]+\(' -- 'internal/*_test.go' | while read -r f; do
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$f" | cut -c6- | while read -r t; do
    echo "== $t ($f)"
    go test "./$(dirname "$f")" -run '^$' -fuzz "^$t\$" -fuzztime "${FUZZTIME:-60s}" -fuzzminimizetime 10x
  done
done
