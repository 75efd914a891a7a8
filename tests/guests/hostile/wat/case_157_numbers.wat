;; Takes numbers of each kind, for a plan that spells them in all ways, and traps when it gets a zero that is not on record.
(component
  (core module $m
    (func (export "run") (param i32 i32 i32 i64 i32 i64 i32 f64 i32 f32)
      (if (i64.eq (i64.reinterpret_f64 (local.get 7)) (i64.const 0x8000000000000000)) (then unreachable))))
  (core instance $i (instantiate $m))
  (func (export "run")
    (param "small" (option u8)) (param "signed" (option s64)) (param "unsigned" (option u64))
    (param "double" (option f64)) (param "single" (option f32))
    (canon lift (core func $i "run"))))
