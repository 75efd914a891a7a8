;; Fills all the memory that it can get with one byte, for whoever gets it next.
(component
  (core module $m
    (memory 1)
    (func (export "run")
      (drop (memory.grow (i32.const 800)))
      (memory.fill (i32.const 0) (i32.const 0x5a) (i32.mul (memory.size) (i32.const 65536)))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
