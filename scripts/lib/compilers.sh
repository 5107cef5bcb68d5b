# Sourced by the scripts. The clang that checks use beside g++: 16 or newer, because older ones cannot
# compile libstdc++'s coroutines.

# newest_clang: the name of the newest clang++ of at least version 16, or nothing.
newest_clang() {
  for name in clang++-21 clang++-20 clang++-19 clang++-18 clang++-17 clang++-16 clang++; do
    command -v "$name" >/dev/null 2>&1 || continue
    major=$("$name" -dumpversion 2>/dev/null | cut -d. -f1)
    if [ "${major:-0}" -ge 16 ]; then echo "$name"; return; fi
  done
}
