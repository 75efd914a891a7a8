;; Calls the host from within a call of the host: while it gives memory for what the first call returns.
(component
  (import "wasi:random/random@0.2.6" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))
    (export "get-random-u64" (func (result u64)))))
  (core module $later
    (type $number (func (result i64)))
    (table (export "table") 1 funcref)
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (drop (call_indirect (type $number) (i32.const 0)))
      (i32.const 64)))
  (core instance $later (instantiate $later))
  (core func $bytes (canon lower (func $random "get-random-bytes")
    (memory (core memory $later "memory")) (realloc (core func $later "realloc"))))
  (core func $number (canon lower (func $random "get-random-u64")))
  (core module $m
    (import "host" "bytes" (func $bytes (param i64 i32)))
    (import "host" "number" (func $number (result i64)))
    (import "later" "table" (table 1 funcref))
    (elem (i32.const 0) $number)
    (func (export "run") (call $bytes (i64.const 16) (i32.const 0))))
  (core instance $i (instantiate $m
    (with "host" (instance (export "bytes" (func $bytes)) (export "number" (func $number))))
    (with "later" (instance $later))))
  (func (export "run") (canon lift (core func $i "run"))))
