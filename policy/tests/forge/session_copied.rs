use claw_policy::Session;

fn twice(session: &Session) -> Session {
    session.clone()
}

fn main() {}
