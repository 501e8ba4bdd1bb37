#!/usr/bin/env bash
# make check: everything that is judged without running the program.
set -euo pipefail
cd "$(dirname "$0")/.."
fail=0
step() { printf '· %s\n' "$1"; }

step "format (gofmt, templ fmt)"
bad=$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l)
if [ -n "$bad" ]; then echo "not formatted:"; echo "$bad"; fail=1; fi

step "generated pages are those of their templates"
before=$(cat internal/portal/*_templ.go | sha256sum)
go tool templ generate -path internal/portal >/dev/null 2>&1
after=$(cat internal/portal/*_templ.go | sha256sum)
if [ "$before" != "$after" ]; then echo "internal/portal/*_templ.go differ from their .templ: commit them again"; fail=1; fi

step "go vet"
go vet ./... || fail=1

step "staticcheck"
go tool -modfile=tools/go.mod staticcheck ./... || fail=1

step "import table (docs/ARCHITECTURE.md)"
go test -count=1 -run '^TestImportTable$' . || fail=1

step "contrast of the colours, both modes"
node web/contrast.mjs || fail=1

step "known vulnerabilities (govulncheck)"
out=$(go tool -modfile=tools/go.mod govulncheck ./... 2>&1) && rc=0 || rc=$?
if [ $rc -ne 0 ]; then
  if grep -q 'fetching vulnerabilities' <<<"$out"; then
    # The database lives on the internet; where there is none this says so and is not a pass.
    echo "NOT CHECKED: the vulnerability database cannot be reached from here"
    if [ "${GARRIGUE_VULN_REQUIRE:-}" = 1 ]; then fail=1; fi
  else
    echo "$out"; fail=1
  fi
fi
exit $fail
