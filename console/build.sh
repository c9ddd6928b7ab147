#!/usr/bin/env bash
# Builds the consoles into console/dist/served, from where the server's build embeds them. What
# was built once is kept in the cache; the working copy holds no node_modules.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/console
for program in npm mvn unzip; do
	command -v "$program" >/dev/null || {
		echo "missing: $program, which builds the consoles; without it the server has none" >&2
		exit 1
	}
done
sources=$(cd "$here" && find . -type f -not -path './dist/*' -not -path './node_modules/*' | LC_ALL=C sort)
stamp=$(cd "$here" && tr '\n' '\0' <<<"$sources" | xargs -0 sha256sum | sha256sum | cut -c1-32)
built=$cache/$stamp
if [ ! -e "$built/manifest.json.gz" ]; then
	work=$cache/work
	mkdir -p "$work/console"
	# node_modules may stay: npm replaces it when the lock file is another.
	find "$work/console" -mindepth 1 -maxdepth 1 -not -name node_modules -not -name .lock -exec rm -rf {} +
	(cd "$here" && tr '\n' '\0' <<<"$sources" | xargs -0 cp --parents -t "$work/console")
	cp "$here/../LICENSE" "$work/"
	lock=$(sha256sum <"$here/package-lock.json")
	if [ "$(cat "$work/console/.lock" 2>/dev/null)" != "$lock" ]; then
		(cd "$work/console" && npm install --no-save --silent --no-audit --no-fund)
		echo "$lock" >"$work/console/.lock"
	fi
	(cd "$work/console" && npm run --silent build)
	rm -rf "$built.new"
	cp -r "$work/console/dist/served" "$built.new"
	rm -rf "$built"
	mv "$built.new" "$built"
fi
# Only when it differs: the server's build looks at the files' times.
if ! diff -rq "$built" "$here/dist/served" >/dev/null 2>&1; then
	mkdir -p "$here/dist"
	rm -rf "$here/dist/served"
	cp -r "$built" "$here/dist/served"
fi
echo "consoles: console/dist/served"
