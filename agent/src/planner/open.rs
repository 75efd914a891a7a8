//! From what the user chose to a planner that can be asked.

use url::Url;

use super::Planner;
use super::choice::{Choice, Service};
use super::command::{CommandPlanner, Environment};
use super::http::{Address, AddressError, HttpPlanner, Trust};
use super::key::Key;

/// What a planner needs beside its name. All of it comes from the command line: nothing is read here.
#[derive(Default)]
pub struct Settings {
    /// Where the service is, where that is not its usual address: without the path of the single request, such as
    /// `http://127.0.0.1:8080/v1`. A command has none.
    pub base_url: Option<Url>,
    /// The service's key, if it wants one. It is sent to `base_url`, whatever that is. A command gets none.
    pub key: Option<Key>,
    /// What a command gets to see of the environment.
    pub environment: Environment,
}

/// Why a planner cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The service has no use for who does not say who he is.
    #[error("`{choice}` needs a key")]
    NoKey {
        /// What was chosen.
        choice: String,
        /// The variable in which the key is looked for.
        variable: &'static str,
    },
    /// The base URL is none that may be used.
    #[error("the base URL {0}")]
    Address(#[from] AddressError),
    /// A base URL was set for a command.
    #[error("a command has no base URL")]
    NoService,
    /// There are no certificates to know the service by.
    #[error("the service cannot be known for what it is: {0}")]
    Trust(String),
}

impl OpenError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::NoKey { variable, .. } => format!("set {variable}, or the base URL of a service that needs none"),
            Self::Address(error) => error.help().to_owned(),
            Self::NoService => "leave the base URL away, or choose a service".to_owned(),
            Self::Trust(_) => "install the system's package of CA certificates".to_owned(),
        }
    }
}

/// Makes the planner that was chosen ready. Nothing is sent or started yet.
///
/// # Errors
/// See [`OpenError`].
///
/// # Ambient Authority
/// For a service over TLS, reads the platform's certificates.
pub fn open(choice: Choice, settings: Settings) -> Result<Box<dyn Planner>, OpenError> {
    let name = choice.to_string();
    match choice {
        Choice::Command(path) => match settings.base_url {
            Some(_) => Err(OpenError::NoService),
            None => Ok(Box::new(CommandPlanner::new(name, path, settings.environment))),
        },
        Choice::Model(service, model) => {
            let Settings { base_url, key, .. } = settings;
            if key.is_none() && base_url.is_none() && matches!(service, Service::OpenAi | Service::Anthropic) {
                return Err(OpenError::NoKey { choice: name, variable: service.key_variable() });
            }
            let address = Address::of(service, base_url, key.is_some())?;
            let trust = if address.is_tls() { Trust::platform().map_err(OpenError::Trust)? } else { Trust::nobody() };
            Ok(Box::new(HttpPlanner::new(name, service, model, address, key, trust)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(choice: &str, base_url: Option<&str>, key: Option<&str>) -> Result<String, String> {
        let settings = Settings {
            base_url: base_url.map(|url| url.parse().unwrap()),
            key: key.map(|key| Key::new(key).unwrap()),
            environment: Environment::default(),
        };
        match open(choice.parse().unwrap(), settings) {
            Ok(planner) => Ok(format!("{} {}", planner.name(), planner.remembers())),
            Err(error) => Err(format!("{error}: {}", error.help())),
        }
    }

    #[test]
    fn what_was_chosen_can_be_asked() {
        assert_eq!(opened("openai:m", Some("http://127.0.0.1:8080/v1"), None).unwrap(), "openai:m false");
        assert_eq!(opened("anthropic:m", Some("http://localhost:1"), Some("k")).unwrap(), "anthropic:m false");
        assert_eq!(opened("ollama:m", None, None).unwrap(), "ollama:m false");
        assert_eq!(opened("command:/bin/true", None, None).unwrap(), "command:/bin/true true");
    }

    #[test]
    fn what_cannot_be_asked_says_what_to_do() {
        for (choice, base_url, key, expected) in [
            ("openai:m", None, None, "`openai:m` needs a key: set OPENAI_API_KEY"),
            ("anthropic:m", None, None, "`anthropic:m` needs a key: set ANTHROPIC_API_KEY"),
            ("openai:m", Some("http://example.com/v1"), Some("k"), "the base URL is `http`, so that the key"),
            ("ollama:m", Some("http://user:word@example.com"), None, "the base URL has a user or a password in it"),
            ("command:/bin/true", Some("http://example.com"), None, "a command has no base URL"),
        ] {
            let error = opened(choice, base_url, key).unwrap_err();
            assert!(error.starts_with(expected) && !error.contains("word@"), "{error}");
        }
    }
}
