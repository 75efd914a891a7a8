;; Exits from within a component that it calls, with a call of its own still to come.
(component
  (import "wasi:cli/exit@0.2.6" (instance $exit (export "exit" (func (param "status" (result))))))
  (component $callee
    (import "exit" (func $exit (param "status" (result))))
    (core func $exit (canon lower (func $exit)))
    (core module $m (import "host" "exit" (func $exit (param i32))) (func (export "end") (call $exit (i32.const 0))))
    (core instance $i (instantiate $m (with "host" (instance (export "exit" (func $exit))))))
    (func (export "end") (canon lift (core func $i "end"))))
  (instance $callee (instantiate $callee (with "exit" (func $exit "exit"))))
  (core func $end (canon lower (func $callee "end")))
  (core module $m (import "host" "end" (func $end)) (func (export "run") (call $end) (call $end)))
  (core instance $i (instantiate $m (with "host" (instance (export "end" (func $end))))))
  (func (export "run") (canon lift (core func $i "run"))))
