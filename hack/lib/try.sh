# shellcheck shell=bash
# What both forms of hack/quickstart do with the example: requests, each shown beside its line in the access log.
#
# Whoever sources this sets: work, a folder for what comes and goes; log, the access log; config, the example's folder;
# and, if curl isn't to run as it is, curl=(WORDS…). bad becomes 1 when an answer isn't what it should be.
# shellcheck disable=SC2154

# shellcheck disable=SC2034
bad=0
curl=(curl)
bold=''
plain=''
if [ -t 1 ]; then
  bold=$'\033[1m'
  plain=$'\033[0m'
fi

make_certificate() {
  [ ! -e "$config/certificate.yaml" ] || return 0
  hack/certificate localhost 127.0.0.1 ::1 >"$work/certificate.yaml"
  mv "$work/certificate.yaml" "$config/certificate.yaml"
  echo "made a self-signed certificate: $config/certificate.yaml (not in git)"
}

# shown CURL-WORDS…: as one would type it.
shown() {
  local word
  printf '$ %s' "${curl[*]}"
  for word in "$@"; do
    if [[ $word == *[!a-zA-Z0-9:/.%_-]* ]]; then printf " '%s'" "$word"; else printf ' %s' "$word"; fi
  done
  printf '\n'
}

# try STATUS WHAT CURL-WORDS…: one request, what came back, and its line in the access log.
try() {
  local wanted=$1 what=$2 offset status
  shift 2
  offset=$(stat -c %s "$log")
  rm -f "$work/body" "$work/head"
  printf '\n%s%s%s\n' "$bold" "$what" "$plain"
  shown "$@"
  status=$("${curl[@]}" -sS --max-time 10 -o "$work/body" -D "$work/head" -w '%{http_code}' "$@") || status="no answer"
  printf '  %s' "$status"
  if [ -e "$work/body" ]; then
    sed -n 's/^ *"backend": "\(.*\)",$/ from \1/p; s/^ *"target": "\(.*\)",\{0,1\}$/, which saw \1/p' "$work/body" | tr -d '\n'
    sed -n 's/^ *"\(x-api-version\)": "\(.*\)",\{0,1\}$/ and \1: \2/p' "$work/body" | tr -d '\n'
  fi
  if [ -e "$work/head" ]; then
    sed -n 's/\r$//; s/^\(location\|x-served-by\): .*/; &/Ip' "$work/head" | tr -d '\n'
  fi
  printf '\n  '
  hack/lib/wait.py line "$log" "$offset" 5 || { echo "no line in the access log" && bad=1; }
  if [ "$status" != "$wanted" ]; then
    echo "  that should have been $wanted" >&2
    bad=1
  fi
}

# try_examples HTTP HTTPS: what the routes of the example do, by the two places where the Gateway listens.
try_examples() {
  local http=$1 https=$2
  try 200 "By path: / is served by one" "$http/hello"
  try 200 "By path: /two is served by two" "$http/two/hello"
  try 200 "A canary, by header" -H 'x-canary: always' "$http/cart"
  try 301 "A redirect" "$http/old/page"
  try 200 "A rewritten path, a header for the backend, a header for the client" "$http/api/v1/items"
  try 200 "HTTPS, with the certificate that was made here" -k "$https/hello"
  try 400 "A request that no backend should see: the line says why" "$http/%zz"

  say "a canary by weight: 50 requests to /cart"
  # One curl, since a new one for each would take longer than the requests.
  "${curl[@]}" -sS --max-time 60 "$http/cart?[1-50]" | sed -n 's/^ *"backend": "\(.*\)",/\1/p' | sort | uniq -c
}
