;; Is lent a handle for one call, drops it, and uses its number in the next call.
(component
  (import "wasi:io/poll@0.2.6" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $pollable (eq $p)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (component $callee
    (import "pollable" (type $pollable (sub resource)))
    (import "block" (func $block (param "self" (borrow $pollable))))
    (core func $block (canon lower (func $block)))
    (core func $drop (canon resource.drop $pollable))
    (core module $m
      (import "host" "block" (func $block (param i32)))
      (import "host" "drop" (func $drop (param i32)))
      (global $kept (mut i32) (i32.const 0))
      (func (export "lend") (param i32) (global.set $kept (local.get 0)) (call $drop (local.get 0)))
      (func (export "use") (call $block (global.get $kept))))
    (core instance $i (instantiate $m
      (with "host" (instance (export "block" (func $block)) (export "drop" (func $drop))))))
    (func (export "lend") (param "it" (borrow $pollable)) (canon lift (core func $i "lend")))
    (func (export "use") (canon lift (core func $i "use"))))
  (instance $callee (instantiate $callee
    (with "pollable" (type $pollable)) (with "block" (func $poll "[method]pollable.block"))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $lend (canon lower (func $callee "lend")))
  (core func $use (canon lower (func $callee "use")))
  (core module $m
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "lend" (func $lend (param i32)))
    (import "host" "use" (func $use))
    (func (export "run") (call $lend (call $subscribe (i64.const 1))) (call $use)))
  (core instance $i (instantiate $m (with "host" (instance
    (export "subscribe" (func $subscribe)) (export "lend" (func $lend)) (export "use" (func $use))))))
  (func (export "run") (canon lift (core func $i "run"))))
