#!/bin/sh
# Cargo calls this with rustc's command line: claw and the targets, and nothing that they need, count what they run.
case " $* " in
*" --crate-name claw_policy "* | *" --crate-name claw_audit "* | *" --crate-name claw_runtime "* | *" fuzz_targets/"*)
    exec "$@" --cfg fuzzing -Cinstrument-coverage -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
