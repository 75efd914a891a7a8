//! The configuration: lines of `NAME=value`.

pub struct Config {
    pub carrier_url: String,
    pub tries: u32,
}

pub fn load(path: &str) -> std::io::Result<Config> {
    let text = std::fs::read_to_string(path)?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().to_owned()
    };
    Ok(Config { carrier_url: value("CARRIER_URL"), tries: value("TRIES").parse().unwrap_or(3) })
}
