;; Calls the host after it has returned, where it may clean up.
(component
  (import "wasi:random/random@0.2.6" (instance $random (export "get-random-u64" (func (result u64)))))
  (core func $number (canon lower (func $random "get-random-u64")))
  (core module $m
    (import "host" "number" (func $number (result i64)))
    (memory (export "memory") 1)
    (func (export "run") (result i32) (i32.const 0))
    (func (export "after") (param i32) (drop (call $number))))
  (core instance $i (instantiate $m (with "host" (instance (export "number" (func $number))))))
  (func (export "run") (result string)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (post-return (core func $i "after")))))
