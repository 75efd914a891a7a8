//! The configuration file: the model that plans, and colours.

use std::path::PathBuf;

use anstream::ColorChoice;
use serde::Deserialize;

use crate::ambient::{self, Home};
use crate::error::Error;

/// What a user sets for good, in `config.toml` of claw's configuration folder.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    /// Who plans, where the command line does not say.
    pub(crate) model: Option<String>,
    /// Where that model's service is.
    pub(crate) base_url: Option<String>,
    /// The file that has its key: a path that is absolute, or from the configuration folder.
    pub(crate) key_file: Option<PathBuf>,
    /// Whether what people read is coloured.
    #[serde(default)]
    colours: Colours,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Colours {
    /// Where a terminal shows them.
    #[default]
    Auto,
    Always,
    Never,
}

impl Config {
    /// Reads it; where there is none, all is as if it were empty.
    pub(crate) fn read(home: &Home) -> Result<Self, Error> {
        let file = home.config_file();
        let Some(text) = ambient::read_config(&file)? else { return Ok(Self::default()) };
        let mut config: Self = toml::from_str(&text).map_err(|error| {
            let shown = claw_policy::printable::printable(&file.to_string_lossy());
            Error::policy_file("config.syntax", &file, format!("the configuration file `{shown}`: {}", error.message()))
                .help("it has `model`, `base-url`, `key-file` and `colours`")
        })?;
        config.key_file = config.key_file.map(|key| home.config.join(key));
        Ok(config)
    }

    /// Has what is printed from now on be coloured as it says.
    pub(crate) fn apply(&self) {
        let choice = match self.colours {
            Colours::Auto => return,
            Colours::Always => ColorChoice::Always,
            Colours::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}
