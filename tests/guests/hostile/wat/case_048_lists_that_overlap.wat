;; Returns a list of lists of lists of bytes that are all the same few bytes of its memory.
(component
  (core module $m
    (memory (export "memory") 4)
    ;; So many pointers to the same, each with so many in it.
    (func $fill (param $at i32) (param $count i32) (param $to i32)
      (local $end i32)
      (local.set $end (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const 8))))
      (loop $next
        (i32.store (local.get $at) (local.get $to))
        (i32.store offset=4 (local.get $at) (local.get $count))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))
    (func (export "run") (param $count i32) (result i32)
      (call $fill (i32.const 0) (i32.const 1) (i32.const 16))
      (i32.store offset=4 (i32.const 0) (local.get $count))
      (call $fill (i32.const 16) (local.get $count) (i32.const 65536))
      (call $fill (i32.const 65536) (local.get $count) (i32.const 131072))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (param "count" u32) (result (list (list (list u8))))
    (canon lift (core func $i "run") (memory (core memory $i "memory")))))
