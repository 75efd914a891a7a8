;; Two functions that call each other, with frames of some size, and never return.
(component
  (core module $m
    (func $even (param i64 i64 i64 i64) (result i64)
      (i64.add (local.get 0) (call $odd (local.get 1) (local.get 2) (local.get 3) (i64.add (local.get 0) (i64.const 1)))))
    (func $odd (param i64 i64 i64 i64) (result i64)
      (i64.mul (local.get 0) (call $even (local.get 3) (local.get 2) (local.get 1) (local.get 0))))
    (func (export "run")
      (drop (call $even (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
