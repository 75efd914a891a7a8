#!/bin/sh
# Runs every target for some seconds, as many at once as there are cores, and shows what its corpus reaches of its
# module. With `keep`, what reaches more goes into the corpus; without, the seed is the same each time, so that a change
# is not blamed for what chance finds. Fails on a crash, and where a corpus reaches under half.
set -eu
seconds=${1:?usage: fuzz/run.sh SECONDS [keep]}
keep=${2:-}
cd "$(dirname "$0")"
root=$(cd .. && pwd)
built=$(cd "$root" && mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
tools=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin
# In memory where that can be: a record is many small files.
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
trap 'rm -rf "$work"' EXIT
seed=1
[ "$keep" != keep ] || seed=0 # Zero is libFuzzer's word for another one each time.

RUSTC_WRAPPER=$root/fuzz/rustc.sh "${CARGO:-cargo}" build --locked --target-dir "$built"

# run NAME BYTES: what is new goes into $work/NAME, and what crashes into artifacts/NAME.
cat >"$work/run" <<'END'
mkdir -p "$work/$1" "artifacts/$1"
dictionary=$(ls "dictionaries/$1" 2>/dev/null || true)
export TMPDIR="$work" LLVM_PROFILE_FILE="$work/unused"
"$built/debug/$1" "$work/$1" "corpus/$1" ${dictionary:+-dict="$dictionary"} -max_len="$2" \
    -seed="$seed" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="artifacts/$1/" \
    >"$work/$1.log" 2>&1 || touch "$work/$1.crashed"
END
export work built seconds seed
grep -v '^#' targets | awk '{ print $1, $2 }' | xargs -P "$(nproc)" -L 1 sh "$work/run"

failed=
printf '%-16s %10s %6s %14s %5s\n' target runs new lines %
while read -r name _ sources; do
    if [ -e "$work/$name.crashed" ]; then
        grep -E 'panicked|ERROR|SUMMARY|Test unit' -A 1 "$work/$name.log" || tail -n 20 "$work/$name.log"
        failed="$failed $name"
    fi
    new=$(ls "$work/$name" | wc -l)
    if [ "$keep" = keep ]; then
        "$built/debug/$name" -merge=1 -use_counters=0 "corpus/$name" "$work/$name" \
            >"$work/merge.log" 2>&1
    fi
    LLVM_PROFILE_FILE=$work/raw "$built/debug/$name" -runs=0 "corpus/$name" >"$work/cover.log" 2>&1 ||
        failed="$failed $name"
    "$tools/llvm-profdata" merge "$work/raw" -o "$work/profile"
    # shellcheck disable=SC2086 # The sources are words.
    "$tools/llvm-cov" report "$built/debug/$name" -instr-profile="$work/profile" $(printf "$root/%s " $sources) \
        >"$work/report"
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log")
    awk -v name="$name" -v runs="$runs" -v new="$new" '$1 == "TOTAL" || $8 != "" { lines = $8; missed = $9 }
        END { reached = lines - missed; percent = lines ? int(100 * reached / lines) : 0
              printf "%-16s %10s %6s %7d/%6d %5d\n", name, runs, new, reached, lines, percent; exit percent < 50 }' \
        "$work/report" || failed="$failed $name"
done <<END
$(grep -v '^#' targets)
END
[ -z "$failed" ] || { echo "crashed, or with a corpus that reaches under half of its module:$failed"; exit 1; }
