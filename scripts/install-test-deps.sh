#!/bin/sh
# Installs what the tests use and this machine lacks, on Debian or Ubuntu as root: Chromium
# for the browser tests, 7-Zip, GDAL and SQLite for archives and GeoPackages. Says nothing and does
# nothing when all is there. Elsewhere it only says what is missing: tests that need an
# absent tool say so themselves.
set -eu

missing=""
need() { # command, package
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need chromium chromium
command -v 7zz >/dev/null 2>&1 || need 7z p7zip-full
need ogrinfo gdal-bin
need sqlite3 sqlite3

[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "install-test-deps: please install:$missing" >&2
	exit 0
fi
sudo=""
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
		echo "install-test-deps: as root, please run: apt-get install$missing" >&2
		exit 0
	fi
	sudo="sudo -n"
fi
echo "install-test-deps: installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # package names, one word each
if ! { $sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
