#!/usr/bin/env bash
# Lays out what the image of one of our programs holds: the program, the libraries it loads, CA certificates, a user.
# The Dockerfile and the test cluster's images are both made of this.
#
#   root.sh BINARY FOLDER
set -euo pipefail
if [ $# != 2 ]; then
  sed -n '2,/^[^#]/ { s/^# \{0,1\}//p }' "$0" >&2
  exit 2
fi
binary=$1
root=$2
umask 022

install -D -m 755 "$binary" "$root/usr/local/bin/${binary##*/}"

# ldd names each library, with those that libraries need, and the loader.
libraries=$(ldd "$binary")
if grep 'not found' <<<"$libraries" >&2; then
  exit 1
fi
sed -n 's,^[^/]*\(/[^ ]*\) (0x[0-9a-f]*)$,\1,p' <<<"$libraries" | while read -r library; do
  install -D -m 755 "$library" "$root$library"
done

install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
printf 'root:x:0:0:root:/:/\nnonroot:x:65532:65532:nonroot:/:/\n' >"$root/etc/passwd"
printf 'root:x:0:\nnonroot:x:65532:\n' >"$root/etc/group"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
install -d -m 1777 "$root/tmp"
