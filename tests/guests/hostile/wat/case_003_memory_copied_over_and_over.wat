;; Copies and fills 48 MiB at once, again and again: such an instruction is not interrupted once it has begun.
(component
  (core module $m
    (memory 1024)
    (func (export "run")
      (loop $again
        (memory.copy (i32.const 4) (i32.const 0) (i32.const 50331648))
        (memory.fill (i32.const 0) (i32.const 7) (i32.const 50331648))
        (br $again))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
