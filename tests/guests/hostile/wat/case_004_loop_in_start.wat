;; Loops while it is instantiated, before any function of it is called.
(component
  (core module $m
    (func $start (loop (br 0)))
    (start $start)
    (func (export "run")))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
