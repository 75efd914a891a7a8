;; Counts for about a second, so that things outside can be changed while it runs.
(component
  (core module $m
    (func (export "run") (local $n i32)
      (local.set $n (i32.const 1000000000))
      (loop (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
