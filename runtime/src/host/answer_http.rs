//! What requests are answered, kept and had again.

use std::sync::Arc;

use wasmtime_wasi_http::p2::HttpError;
use wasmtime_wasi_http::p2::bindings::http::types as http;

use super::Host;
use super::answer::{Answer, Fails, Gives};
use super::place::Place;
use super::stop::Stop;
use crate::exchange::{Refused, Response};

impl Fails for HttpError {
    fn keep(self, host: &Host) -> (Answer, &'static str, Self) {
        let trap = match self.downcast() {
            Ok(code) => match Refused::of(&code) {
                Some(refused) => return (Answer::Refused(refused), refused.name(), code.into()),
                None => code.into(),
            },
            Err(trap) => trap,
        };
        let stop = Stop::of(&trap, host);
        (Answer::Stopped(stop.clone()), "stopped", Self::stopped(stop))
    }

    fn again(answer: Answer) -> Result<Self, Answer> {
        match answer {
            Answer::Refused(refused) => Ok(http::ErrorCode::from(refused).into()),
            Answer::Stopped(stop) => Ok(Self::stopped(stop)),
            other => Err(other),
        }
    }

    fn stopped(stop: Stop) -> Self {
        Self::trap(stop)
    }
}

impl Gives for Response {
    fn keep(&self, _host: &Host) -> Answer {
        Answer::Response
    }

    fn again(answer: Answer, _place: Option<&Arc<Place>>, host: &mut Host) -> Option<Self> {
        match answer {
            Answer::Response => host.outside.as_mut()?.recorded().ok()?.ok(),
            _ => None,
        }
    }
}
