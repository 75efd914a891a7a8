#!/bin/sh
# Shows claw at work: two plans that run, and plans that a manipulated model might give.
# Usage: examples/demo.sh PATH-TO-CLAW
set -eu
claw=$(realpath "$1")
examples=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
site=
trap '[ -z "$site" ] || kill "$site"; rm -rf "$work"' EXIT
cd "$examples/meeting-notes"
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

say '4. Three pages of a site on this machine become a digest'
cd "$examples/web-digest"
rm -rf out
rustc --edition 2024 -o "$work/serve" serve.rs
"$work/serve" >"$work/asked" 2>"$work/fault" &
site=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s "$work/asked" ] || sleep 0.1; done
say '   $ claw run --policy policy.toml --plan plan.json'
"$claw" run --policy policy.toml --plan plan.json || { cat "$work/fault"; exit 1; }

say '5. What a page asks for in white letters, and a page that has moved to an address inside: nothing of either is sent'
say '   $ claw run --policy policy.toml --plan attacks/remark-in-a-name.json'
code=0
"$claw" run --policy policy.toml --plan attacks/remark-in-a-name.json || code=$?
[ "$code" -eq 3 ] || { echo "this should have been refused, and was not (exit code $code)"; exit 1; }
refused=$((refused + 1))
say '   $ claw run --policy policy.toml --plan attacks/moved-to-a-private-address.json'
code=0
"$claw" run --policy policy.toml --plan attacks/moved-to-a-private-address.json || code=$?
[ "$code" -eq 3 ] || { echo "this should have been halted, and was not (exit code $code)"; exit 1; }
say '   what the site says that it was asked, in all three:'
cat "$work/asked"

say "done: 2 plans ran, $refused were refused, 2 were halted; all of it is on record:"
"$claw" audit list | head -n 8
