//! Reading an answer's body, event by event, into a reply.

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use super::dialect::Dialect;
use super::draft::Draft;
use super::framing::{Frames, Framing};
use super::problem::{Fault, Problem};
use crate::planner::{Progress, Reply};

/// The bytes that a service may need around a byte of the reply's text: an event for each token, often of one
/// character.
const AROUND_A_BYTE: usize = 256;

/// The bytes that a service may send beside the reply, such as what the model thinks to itself.
const BESIDE: usize = 16 << 20;

/// The bytes of one event around the reply's text, when all of it comes in one.
const AROUND_AN_EVENT: usize = 1 << 20;

/// The most bytes of a byte of text in JSON are six, such as `\u0000`.
const ESCAPED: usize = 8;

/// Reads a reply of at most `most` bytes.
pub(super) async fn read(
    mut response: Response,
    dialect: &dyn Dialect,
    most: usize,
    watch: &mut dyn FnMut(Progress<'_>),
) -> Result<Reply, Problem> {
    let faulty = |fault| Problem::Reply(fault, most);
    let framing = match response.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default()) {
        None => dialect.framing(),
        Some(kind) => Framing::of(kind)
            .ok_or_else(|| faulty(Fault::Broken(format!("the answer is no stream of events but `{kind}`"))))?,
    };
    let mut frames = Frames::new(framing, most.saturating_mul(ESCAPED).saturating_add(AROUND_AN_EVENT));
    let mut draft = Draft::new(most);
    let mut left = most.saturating_mul(AROUND_A_BYTE).saturating_add(BESIDE);
    while !draft.is_over() {
        let Some(chunk) = response.chunk().await.map_err(Problem::of)? else {
            frames.finish(&mut |event| take(dialect, event, &mut draft)).map_err(faulty)?;
            break;
        };
        left = left.checked_sub(chunk.len()).ok_or_else(|| faulty(Fault::TooLarge))?;
        let before = draft.len();
        frames.push(&chunk, &mut |event| take(dialect, event, &mut draft)).map_err(faulty)?;
        if draft.len() > before {
            watch(Progress::Replying(draft.len()));
        }
    }
    draft.finish().map_err(faulty)
}

/// Takes an event, unless it is one after the last.
fn take(dialect: &dyn Dialect, event: &str, draft: &mut Draft) -> Result<(), Fault> {
    if draft.is_over() { Ok(()) } else { dialect.read(event, draft) }
}
