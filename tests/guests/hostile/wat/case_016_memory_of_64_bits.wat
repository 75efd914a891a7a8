;; Declares a memory that may grow to 16 EiB.
(component
  (core module $m (memory i64 1 0x1000000000000) (func (export "run")))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
