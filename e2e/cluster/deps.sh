#!/usr/bin/env bash
# Installs what the cluster takes from Debian, where it is missing.
set -euo pipefail
packages=()
PATH=$PATH:/usr/sbin:/sbin
need() { command -v "$1" >/dev/null || packages+=("$2"); }
need openssl openssl
need runc runc
need nft nftables
need ip iproute2
need unshare util-linux
[ ${#packages[@]} -gt 0 ] || exit 0
# Another process may hold apt's lock for a while: wait for it, do not fail.
apt() { apt-get -qq -o DPkg::Lock::Timeout=120 "$@"; }
for try in 1 2 3 4 5 6; do
	apt update && break
	[ $try -lt 6 ] || exit 1
	sleep 10
done
DEBIAN_FRONTEND=noninteractive apt install -y --no-install-recommends "${packages[@]}"
