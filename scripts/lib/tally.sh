# Sourced by the scripts that add up "N passed, N failed[, N skipped]" lines.
tally_passed=0
tally_failed=0
tally_skipped=0
tally_named=

# tally_add LINE: adds such a line; any other line counts as one failure.
tally_add() {
  numbers=$(printf '%s\n' "$1" \
    | sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed\(, \([0-9][0-9]*\) skipped\)\{0,1\}$/\1 \2 \4/p')
  if [ -z "$numbers" ]; then
    tally_fail "no sum at the end: $1"
    return
  fi
  set -- $numbers
  tally_passed=$((tally_passed + $1))
  tally_failed=$((tally_failed + $2))
  tally_skipped=$((tally_skipped + ${3:-0}))
}

# tally_fail WHAT: counts one failure and keeps its name for tally_print.
tally_fail() {
  tally_failed=$((tally_failed + 1))
  tally_named="$tally_named
failed: $1"
}

# tally_run COMMAND...: runs it, shows its output, adds its last line and its lines "failed: ...". A
# failing exit code that the last line does not explain counts as a failure too.
tally_run() {
  tally_output=$(mktemp)
  { "$@"; echo $? >"$tally_output.code"; } 2>&1 | tee "$tally_output"
  tally_before=$tally_failed
  tally_add "$(tail -n 1 "$tally_output")"
  tally_named="$tally_named
$(grep '^failed: ' "$tally_output")"
  tally_code=$(cat "$tally_output.code")
  if [ "$tally_code" != 0 ] && [ "$tally_failed" = "$tally_before" ]; then
    tally_fail "$* (exit code $tally_code)"
  fi
  rm -f "$tally_output" "$tally_output.code"
}

# tally_print: what failed by name, and the sum as the last line; false when anything failed or nothing ran.
tally_print() {
  printf '%s\n' "$tally_named" | sed '/^$/d' | sort -u
  if [ "$tally_skipped" -gt 0 ]; then echo "$tally_skipped skipped"; fi
  echo "$tally_passed passed, $tally_failed failed"
  [ "$tally_failed" = 0 ] && [ "$tally_passed" -gt 0 ]
}
