#!/bin/sh
# Shows claw at work: a plan that runs, and plans that a manipulated model might give.
# Usage: examples/demo.sh PATH-TO-CLAW
set -eu
claw=$(realpath "$1")
cd "$(dirname "$0")/meeting-notes"
rm -rf out public

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say '1. A plan of six steps collects the open actions of 15 meeting notes into a report'
say '   $ claw run --policy policy.toml --plan plan.json --input report=open-actions.md'
"$claw" run --policy policy.toml --plan plan.json --input report=open-actions.md
say '   what it wrote: examples/meeting-notes/out/open-actions.md'
head -n 9 out/open-actions.md

say '2. What a model plans that a note has talked into it: each is refused before anything runs'
refused=0
for attack in shell-command key-by-dot-dot literal-for-the-users-value path-from-a-file secret-to-the-public; do
    say "   \$ claw run --policy policy.toml --plan attacks/$attack.json"
    code=0
    "$claw" run --policy policy.toml --plan "attacks/$attack.json" --input report=open-actions.md || code=$?
    [ "$code" -eq 3 ] || { echo "this should have been refused, and was not (exit code $code)"; exit 1; }
    refused=$((refused + 1))
done

say "3. A link inside the notes leads out: the step is stopped where only the running value shows it"
code=0
"$claw" run --policy policy.toml --plan attacks/key-by-link.json --input report=open-actions.md || code=$?
[ "$code" -eq 3 ] || { echo "this should have been halted, and was not (exit code $code)"; exit 1; }

say "done: 1 plan ran, $refused were refused, 1 was halted; all of it is on record:"
"$claw" audit list | head -n 8
