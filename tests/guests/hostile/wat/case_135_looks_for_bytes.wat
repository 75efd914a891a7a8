;; Looks for anything that is not zero in all the memory that it can get, and in its locals, and traps if there is any.
(component
  (core module $m
    (memory 1)
    (func (export "run") (local $at i32) (local $end i32) (local $a i64) (local $b f64)
      (if (i64.ne (local.get $a) (i64.reinterpret_f64 (local.get $b))) (then unreachable))
      (drop (memory.grow (i32.const 800)))
      (local.set $end (i32.mul (memory.size) (i32.const 65536)))
      (loop
        (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
        (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (local.get $end))))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
