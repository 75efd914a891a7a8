;; Loops after it has returned, where it may clean up.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "run") (result i32) (i32.const 0))
    (func (export "after") (param i32) (loop (br 0))))
  (core instance $i (instantiate $m))
  (func (export "run") (result string)
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (post-return (core func $i "after")))))
