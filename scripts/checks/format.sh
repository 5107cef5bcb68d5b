#!/bin/sh
# Checks the layout of every C++ file with clang-format and .clang-format, and that no line, comments
# included, is wider than 100 columns. Usage: format.sh TREE [--fix]
set -eu
cd "$1"
if ! command -v clang-format >/dev/null 2>&1; then
  echo "format: no clang-format here" >&2
  exit 1
fi
sources() {
  find src include tests bench \( -name '*.hpp' -o -name '*.cpp' -o -name '*.h' \) -print0 | sort -z
}
if [ "${2:-}" = --fix ]; then
  sources | xargs -0 -r python3 scripts/checks/wrap_comments.py
  sources | xargs -0 -r clang-format -i --style=file
  exit 0
fi
failed=0
sources | xargs -0 -r clang-format --dry-run -Werror --style=file || failed=1
wide=$(sources | xargs -0 -r env LC_ALL=C.UTF-8 grep -HnE '^.{101,}$' || true)
if [ -n "$wide" ]; then
  printf 'format: wider than 100 columns:\n%s\n' "$wide" >&2
  failed=1
fi
exit $failed
