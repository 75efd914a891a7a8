;; Gives the host an address of its choice for what a call returns: bytes, and records that have to be aligned.
(component
  (import "wasi:random/random@0.2.6" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "wasi:filesystem/types@0.2.6" (instance $types (export "descriptor" (type (sub resource)))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.6" (instance $preopens
    (alias outer 1 $descriptor (type $d))
    (export "descriptor" (type $descriptor (eq $d)))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
  (core module $memory
    (memory (export "memory") 1)
    (global $answer (export "answer") (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (global.get $answer)))
  (core instance $memory (instantiate $memory))
  (core func $bytes (canon lower (func $random "get-random-bytes")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core func $folders (canon lower (func $preopens "get-directories")
    (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
  (core module $m
    (import "host" "bytes" (func $bytes (param i64 i32)))
    (import "host" "folders" (func $folders (param i32)))
    (import "memory" "answer" (global $answer (mut i32)))
    (func (export "run") (param $answer i32) (param $folders i32)
      (global.set $answer (local.get $answer))
      (if (local.get $folders)
        (then (call $folders (i32.const 64)))
        (else (call $bytes (i64.const 16) (i32.const 64))))))
  (core instance $i (instantiate $m
    (with "host" (instance (export "bytes" (func $bytes)) (export "folders" (func $folders))))
    (with "memory" (instance $memory))))
  (func (export "run") (param "answer" u32) (param "folders" bool) (canon lift (core func $i "run"))))
