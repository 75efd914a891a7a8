;; Asks again and again whether an hour has passed, and never waits.
(component
  (import "wasi:io/poll@0.2.6" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.ready" (func (param "self" (borrow $pollable)) (result bool)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $pollable (eq $p)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (core func $ready (canon lower (func $poll "[method]pollable.ready")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $m
    (import "host" "ready" (func $ready (param i32) (result i32)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "run")
      (local $hour i32)
      (local.set $hour (call $subscribe (i64.const 3600000000000)))
      (loop (br_if 0 (i32.eqz (call $ready (local.get $hour)))))))
  (core instance $i (instantiate $m
    (with "host" (instance (export "ready" (func $ready)) (export "subscribe" (func $subscribe))))))
  (func (export "run") (canon lift (core func $i "run"))))
