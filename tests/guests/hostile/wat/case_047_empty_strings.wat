;; Returns a list of empty strings: eight bytes each where they are, and many more in the host.
(component
  (core module $m
    (memory (export "memory") 1300)
    (func (export "run") (param i32) (result i32)
      (i32.store (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (local.get 0))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "count" u32) (result (list string))
    (canon lift (core func $i "run") (memory (core memory $i "memory")))))
