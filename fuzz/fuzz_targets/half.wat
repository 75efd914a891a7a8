;; What the target `protocol_worker` has the worker load and call.
(component
  (core module $module (func (export "half") (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 1))))
  (core instance $instance (instantiate $module))
  (func (export "half") (param "it" u32) (result u32) (canon lift (core func $instance "half"))))
