;; Calls the host with a list that is not where it says: so many handles, from an address on.
(component
  (import "wasi:io/poll@0.2.6" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (core func $poll (canon lower (func $poll "poll")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $m
    (import "host" "poll" (func $poll (param i32 i32 i32)))
    (func (export "run") (param i32 i32) (call $poll (local.get 0) (local.get 1) (i32.const 64))))
  (core instance $i (instantiate $m (with "host" (instance (export "poll" (func $poll))))))
  (func (export "run") (param "ptr" u32) (param "len" u32) (canon lift (core func $i "run"))))
