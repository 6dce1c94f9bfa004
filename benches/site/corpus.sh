#!/usr/bin/env bash
# Puts the HTML documentation that Debian packages of PostgreSQL, Python, Git, SQLite and Rust into one folder, as a
# site with a part for each: `corpus.sh FOLDER`. It needs apt, and 250 MB.
set -euo pipefail

site=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$site"
site=$(realpath "$site")
cd "$scratch"
apt-get download -q postgresql-doc-15 python3.11-doc git-doc sqlite3-doc rust-doc
for package in *.deb; do dpkg -x "$package" .; done

part() { # NAME FOLDER
  rm -rf "${site:?}/$1"
  mv "usr/share/doc/$2" "$site/$1"
}
part postgresql postgresql-doc-15/html
part python python3.11/html
part git git-doc
part sqlite sqlite3
part rust rust-doc/html
# The intrinsics of each architecture are 26,000 pages, three quarters of all, that nobody asks about.
rm -rf "$site"/rust/core/{arch,core_arch}
find "$site" -type l -delete
find "$site" -name '*.html' | wc -l
