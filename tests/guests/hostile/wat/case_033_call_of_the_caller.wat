;; Hands itself, by a table that both share, to a component that it calls, which calls it back.
(component
  (component $middle
    (import "back" (func $back))
    (core func $back (canon lower (func $back)))
    (core module $m (import "host" "back" (func $back)) (func (export "through") (call $back)))
    (core instance $i (instantiate $m (with "host" (instance (export "back" (func $back))))))
    (func (export "through") (canon lift (core func $i "through"))))
  (core module $table (table (export "table") 1 funcref))
  (core instance $table (instantiate $table))
  (core module $first
    (type $f (func))
    (import "shared" "table" (table 1 funcref))
    (func (export "back") (call_indirect (type $f) (i32.const 0))))
  (core instance $first (instantiate $first (with "shared" (instance $table))))
  (func $back (canon lift (core func $first "back")))
  (instance $middle (instantiate $middle (with "back" (func $back))))
  (core func $through (canon lower (func $middle "through")))
  (core module $m
    (import "host" "through" (func $through))
    (import "shared" "table" (table 1 funcref))
    (elem (i32.const 0) $through)
    (func (export "run") (call $through)))
  (core instance $i (instantiate $m
    (with "host" (instance (export "through" (func $through)))) (with "shared" (instance $table))))
  (func (export "run") (canon lift (core func $i "run"))))
