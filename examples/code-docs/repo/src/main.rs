//! Watches parcels and tells customers when theirs is late.

mod config;

fn main() {
    let config = config::load("config/production.env").expect("a configuration");
    println!("watching {} with a limit of {} tries", config.carrier_url, config.tries);
    let late = tinyretry::retry(config.tries, || poll(&config.carrier_url));
    println!("{} late", late.unwrap_or_default());
}

// TODO(retry): every try comes at once; back off between them.
fn poll(_url: &str) -> Option<usize> {
    None
}
