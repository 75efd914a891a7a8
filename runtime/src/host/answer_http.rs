//! What requests are answered, kept and had again.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use wasmtime_wasi_http::p2::HttpError;
use wasmtime_wasi_http::p2::bindings::http::types as http;

use super::Host;
use super::answer::{Answer, Fails, Gives, Received};
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
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), BASE64_STANDARD.encode(value)));
        Answer::Response(Received {
            status: self.status,
            headers: headers.collect(),
            body: BASE64_STANDARD.encode(&self.body),
        })
    }

    fn again(answer: Answer, _place: Option<&Arc<Place>>, _host: &mut Host) -> Option<Self> {
        let Answer::Response(Received { status, headers, body }) = answer else { return None };
        let headers = headers.into_iter().map(|(name, value)| Some((name, BASE64_STANDARD.decode(value).ok()?)));
        Some(Self { status, headers: headers.collect::<Option<_>>()?, body: BASE64_STANDARD.decode(body).ok()? })
    }
}
