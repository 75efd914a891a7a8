;; Divides and multiplies numbers that processors are slow at, without end.
(component
  (core module $m
    (func (export "run")
      (local $x f64) (local $v v128)
      (loop $again
        (local.set $x (f64.mul (f64.const 0x0.8p-1022) (f64.const 0.5)))
        (local.set $x (f64.div (local.get $x) (f64.const 3)))
        (local.set $x (f64.sqrt (f64.add (local.get $x) (f64.const 0x0.1p-1022))))
        (local.set $v (f64x2.div (f64x2.splat (local.get $x)) (f64x2.splat (f64.const 0x0.3p-1022))))
        (drop (i64.div_s (i64.const 0x7fffffffffffffff) (i64.const 3)))
        (br $again))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
