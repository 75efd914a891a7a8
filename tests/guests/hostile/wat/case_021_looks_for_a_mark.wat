;; Looks for anything but zeroes in all the memory, tables and globals that it gets.
(component
  (core module $m
    (memory 256)
    (table 5000 funcref)
    (global $g (mut i64) (i64.const 0))
    (func (export "run")
      (local $at i32)
      (drop (memory.grow (i32.const 256)))
      (if (i64.ne (global.get $g) (i64.const 0)) (then unreachable))
      (loop $again
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $again (i32.lt_u (local.get $at) (i32.const 33554432))))
      (local.set $at (i32.const 0))
      (loop $again
        (if (i32.eqz (ref.is_null (table.get (local.get $at)))) (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $at) (i32.const 5000))))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
