;; Leaves marks in a global, a table and its memory, and looks for those of an earlier call; traps if it is told to.
(component
  (core module $m
    (memory 1)
    (table $t 1 1 funcref)
    (elem declare func $f)
    (global $mark (mut i32) (i32.const 0))
    (func $f)
    (func (export "run") (param i32) (result i32)
      (local $found i32)
      (local.set $found (i32.or
        (i32.or (global.get $mark) (i32.load (i32.const 1024)))
        (i32.eqz (ref.is_null (table.get $t (i32.const 0))))))
      (global.set $mark (i32.const 1))
      (i32.store (i32.const 1024) (i32.const 1))
      (table.set $t (i32.const 0) (ref.func $f))
      (if (local.get 0) (then unreachable))
      (local.get $found)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "trap" bool) (result bool) (canon lift (core func $i "run"))))
