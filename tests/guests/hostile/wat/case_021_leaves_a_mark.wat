;; Fills all the memory that it can have, its stack's frames and its globals with a mark, and ends.
(component
  (core module $m
    (memory 512)
    (table 5000 funcref)
    (elem declare func $mark)
    (global $g (mut i64) (i64.const 0))
    (func $mark (param $depth i32) (param i64 i64 i64 i64)
      (if (local.get $depth)
        (then (call $mark (i32.sub (local.get $depth) (i32.const 1))
          (local.get 4) (local.get 3) (local.get 2) (local.get 1)))))
    (func (export "run")
      (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 33554432))
      (table.fill (i32.const 0) (ref.func $mark) (i32.const 5000))
      (global.set $g (i64.const 0xa5a5a5a5a5a5a5a5))
      (call $mark (i32.const 1000) (global.get $g) (global.get $g) (global.get $g) (global.get $g))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
