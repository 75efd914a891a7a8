;; One instance gets a handle and tells another one its number, which uses it.
(component
  (import "wasi:io/poll@0.2.6" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (alias outer 1 $pollable (type $p))
    (export "pollable" (type $pollable (eq $p)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (component $owner
    (import "pollable" (type $pollable (sub resource)))
    (import "subscribe" (func $subscribe (param "when" u64) (result (own $pollable))))
    (core func $subscribe (canon lower (func $subscribe)))
    (core module $m
      (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
      (func (export "number") (result i32) (call $subscribe (i64.const 1))))
    (core instance $i (instantiate $m (with "host" (instance (export "subscribe" (func $subscribe))))))
    (func (export "number") (result u32) (canon lift (core func $i "number"))))
  (component $thief
    (import "pollable" (type $pollable (sub resource)))
    (import "block" (func $block (param "self" (borrow $pollable))))
    (import "number" (func $number (result u32)))
    (core func $block (canon lower (func $block)))
    (core func $number (canon lower (func $number)))
    (core module $m
      (import "host" "block" (func $block (param i32)))
      (import "host" "number" (func $number (result i32)))
      (func (export "run") (call $block (call $number))))
    (core instance $i (instantiate $m
      (with "host" (instance (export "block" (func $block)) (export "number" (func $number))))))
    (func (export "run") (canon lift (core func $i "run"))))
  (instance $owner (instantiate $owner
    (with "pollable" (type $pollable)) (with "subscribe" (func $clock "subscribe-duration"))))
  (instance $thief (instantiate $thief
    (with "pollable" (type $pollable))
    (with "block" (func $poll "[method]pollable.block"))
    (with "number" (func $owner "number"))))
  (export "run" (func $thief "run")))
