;; Makes objects on the collected heap without end.
(component
  (core module $m
    (rec (type $node (struct (field (ref null $node)))))
    (func (export "run")
      (local $list (ref null $node))
      (loop (local.set $list (struct.new $node (local.get $list))) (br 0))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
