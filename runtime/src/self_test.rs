//! Whether a worker starts and runs a component on this machine, for `claw doctor`.

use crate::components::{Compiler, ComponentError};
use crate::engine::Allocation;
use crate::playback::Responses;
use crate::worker::{Call, Preparation, Spare, Wall, WorkerFault};

/// The component that is tried. It imports nothing, so that what fails is the worker.
const COMPONENT: &str = "builtin:json-query";

/// Why a worker does not do its work here.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    /// The component cannot be compiled.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The worker cannot be started, or does not answer.
    #[error("the worker: {0}")]
    Worker(String),
    /// The component did not give what it should.
    #[error("the component gave something else: {0}")]
    Output(String),
}

/// Starts a worker as every run does, calls a component in it, and gives what of the wall stood around it.
///
/// # Errors
/// What does not work.
pub fn self_test(compiler: &Compiler<'_>) -> Result<Wall, SelfTestError> {
    let compiled = compiler.builtin(COMPONENT, &mut |_| {})?;
    let failed = |fault: WorkerFault| SelfTestError::Worker(fault.to_string());
    let limits = claw_policy::Limits::default();
    let Spare(mut worker) = Spare::start(compiler.program).map_err(|error| SelfTestError::Worker(error.to_string()))?;
    worker.open(Allocation::OnDemand, &[], limits.output_bytes).map_err(failed)?;
    let digest = compiled.component.digest.clone();
    worker.load(&digest, &compiled.code(compiler.program)?).map_err(failed)?;
    let function =
        compiled.component.functions.first().ok_or_else(|| SelfTestError::Output("no function".to_owned()))?;
    let preparation = Preparation {
        capability: "self-test".to_owned(),
        component: digest,
        interface: function.interface.clone(),
        function: function.name.clone(),
        folders: Vec::new(),
        connects: false,
        limits: limits.clone(),
    };
    worker.prepare(preparation).map_err(failed)?;
    let wall = worker.enclose().map_err(failed)?;
    let arguments = vec![".[0] + 1".into(), "[41]".into()];
    let call = Call {
        capability: "self-test".to_owned(),
        arguments,
        written_left: 0,
        files_left: 0,
        clock_ms: 0,
        seed: [0; 32],
        tape: None,
    };
    let ended = worker.call(call, &limits, None, &mut Responses::default()).map_err(failed)?;
    match ended.result {
        Ok(output) if output.as_str().is_some_and(|text| text.trim() == "[42]") => Ok(wall),
        other => Err(SelfTestError::Output(format!("{other:?}"))),
    }
}
