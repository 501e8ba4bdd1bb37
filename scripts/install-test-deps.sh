#!/bin/sh
# Installs what the tests use and this machine lacks, on Debian or Ubuntu as root: Chromium
# for the browser tests, 7-Zip, GDAL and SQLite for archives and GeoPackages, strace, PostgreSQL with
# PostGIS. Says nothing and does nothing when all is there. Elsewhere it only says what is
# missing: tests that need an absent tool say so themselves.
set -eu

missing=""
need() { # command, package
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need chromium chromium
command -v 7zz >/dev/null 2>&1 || need 7z p7zip-full
need ogrinfo gdal-bin
need sqlite3 sqlite3
need flock util-linux
need strace strace

# PostgreSQL 15 or newer with PostGIS 3, for tests that start a server of their own. Its package
# would also start one: that is not wanted here.
postgres=""
for version in 18 17 16 15; do
	[ -f "/usr/share/postgresql/$version/extension/postgis.control" ] && [ -x "/usr/lib/postgresql/$version/bin/initdb" ] && postgres=$version && break
done

[ -n "$missing" ] || [ -z "$postgres" ] || exit 0

# The version this system has: 15 on Debian 12, another elsewhere.
postgres_packages() {
	for version in 15 16 17 18; do
		if apt-cache show "postgresql-$version-postgis-3" 2>/dev/null | grep -q '^Package:'; then
			echo " postgresql-$version postgresql-$version-postgis-3"
			return
		fi
	done
	echo "install-test-deps: this system has no PostgreSQL 15 or newer with PostGIS 3" >&2
}

if ! command -v apt-get >/dev/null 2>&1; then
	[ -n "$postgres" ] || missing="$missing postgresql (15 or newer) postgis"
	echo "install-test-deps: please install:$missing" >&2
	exit 0
fi
sudo=""
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
		[ -n "$postgres" ] || missing="$missing$(postgres_packages)"
		echo "install-test-deps: as root, please run: apt-get install$missing" >&2
		exit 0
	fi
	sudo="sudo -n"
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! $sudo apt-get update -q >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
if [ -z "$postgres" ]; then
	missing="$missing$(postgres_packages)"
	# Read by the package when it is installed: no cluster is made, no service started.
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		$sudo mkdir -p /etc/postgresql-common
		echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
fi
echo "install-test-deps: installing$missing" >&2
# shellcheck disable=SC2086 # package names, one word each
if ! DEBIAN_FRONTEND=noninteractive $sudo apt-get install -q -y --no-install-recommends $missing >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
