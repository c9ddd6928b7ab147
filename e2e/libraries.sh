# What the tests through other languages' libraries share; sourced after server.sh, not run.

passed=0 failed=0

# npm_libraries HERE FOLDER: the scripts of HERE in FOLDER, outside of the working copy, with the
# libraries at the versions of HERE's lock file.
npm_libraries() {
	mkdir -p "$2"
	cp "$1"/package.json "$1"/package-lock.json "$1"/*.mjs "$1"/../*.mjs "$2/"
	local stamp
	stamp=$(sha256sum <"$1/package-lock.json")
	if [ "$(cat "$2/npm-stamp" 2>/dev/null)" != "$stamp" ]; then
		(cd "$2" && npm ci --silent --no-audit --no-fund)
		echo "$stamp" >"$2/npm-stamp"
	fi
}

# python_libraries HERE FOLDER: FOLDER/venv with the versions of HERE's requirements.txt.
python_libraries() {
	local stamp
	stamp=$(sha256sum <"$1/requirements.txt")
	if [ "$(cat "$2/python-stamp" 2>/dev/null)" != "$stamp" ]; then
		python3 -m venv "$2/venv"
		"$2/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$1/requirements.txt"
		echo "$stamp" >"$2/python-stamp"
	fi
}

# The server that server_up started, for the scripts.
export_server() {
	CHROMIUM=$(command -v chromium || true)
	export CHROMIUM BASE_URL=$server_url ADMIN=$server_admin ADMIN_PASSWORD=$server_password
}

# library COMMAND...: runs it and adds what it counts.
library() {
	local output last
	output=$("$@" 2>&1) || true
	printf '%s\n' "$output"
	last=$(tail -n 1 <<<"$output")
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
	else
		failed=$((failed + 1))
	fi
}

# Prints the counting line last, before it the server's log when something failed.
libraries_end() {
	[ "$failed" = 0 ] || tail -n 40 "$server_log" | sed 's/^/server: /'
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}
