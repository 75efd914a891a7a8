;; Takes bytes, tuples and flat values, for a plan that gives something else; it tries nothing itself.
(component
  (core module $m
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 16))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $next)
      (global.set $next (i32.and (i32.const -8) (i32.add (i32.const 7) (i32.add (global.get $next) (local.get 3))))))
    (func (export "run") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (core instance $i (instantiate $m))
  (func (export "run")
    (param "bytes" (option (list u8))) (param "pair" (option (tuple u8 bool))) (param "letter" (option char))
    (param "flag" (option bool))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
