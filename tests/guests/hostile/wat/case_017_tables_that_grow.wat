;; Asks for the largest table that there can be, and then for a little more each time, as long as it gets any.
(component
  (core module $m
    (table $t 0 funcref)
    (func (export "run")
      (if (i32.ne (table.grow $t (ref.null func) (i32.const -1)) (i32.const -1)) (then unreachable))
      (loop $again
        (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
      unreachable))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
