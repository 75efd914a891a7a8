//! Who plans: from the command line, the environment or the configuration file, with its key.

use std::path::PathBuf;

use claw_agent::planner::{Choice, Environment, Key, OpenError, Planner, Settings, open};
use claw_policy::printable::printable;
use url::Url;

use crate::ambient;
use crate::arguments::ModelArguments;
use crate::config::Config;
use crate::error::Error;

/// What one of the places says.
#[derive(Default)]
struct Said {
    model: Option<String>,
    base_url: Option<String>,
    key_file: Option<PathBuf>,
}

/// The planner that the user chose, ready to be asked.
///
/// An address and a key file count with the model that they are set beside, or one that is set more for good: those of the
/// configuration file are never used for a model of the command line, whose key could go to another service.
pub(crate) fn planner(arguments: &ModelArguments, config: Config) -> Result<Box<dyn Planner>, Error> {
    let places = [
        Said {
            model: arguments.model.clone(),
            base_url: arguments.base_url.clone(),
            key_file: arguments.key_file.clone(),
        },
        Said {
            model: ambient::variable("CLAW_MODEL").filter(|model| !model.is_empty()),
            base_url: ambient::variable("CLAW_BASE_URL").filter(|url| !url.is_empty()),
            key_file: None,
        },
        Said { model: config.model, base_url: config.base_url, key_file: config.key_file },
    ];
    let mut chosen = Said::default();
    for place in places {
        chosen.base_url = chosen.base_url.or(place.base_url);
        chosen.key_file = chosen.key_file.or(place.key_file);
        if place.model.is_some() {
            chosen.model = place.model;
            break;
        }
    }
    let Some(model) = chosen.model else { return Err(none()) };
    let choice: Choice = model.parse().map_err(|error: claw_agent::planner::ChoiceError| {
        Error::input("model.name", format!("the model `{}`: {error}", printable(&model))).help(error.help())
    })?;
    if arguments.model.is_none() && choice.is_relative() {
        let message = format!("the model `{}` is a path from the current folder", printable(&model));
        return Err(Error::input("model.name", message).help(
            "elsewhere than on the command line, write its whole path: each folder could have another program there",
        ));
    }
    let base_url = chosen.base_url.as_deref().map(str::parse::<Url>).transpose().map_err(|error| {
        Error::input("model.url", format!("the base URL cannot be read: {error}"))
            .help("it is of the form `http://127.0.0.1:8080/v1`")
    })?;
    let key = key(&choice, chosen.key_file)?;
    let environment =
        Environment { path: std::env::var_os("PATH"), home: std::env::var_os("HOME"), lang: std::env::var_os("LANG") };
    open(choice, Settings { base_url, key, environment }).map_err(|error| refused(&error))
}

/// The key of the file that is named, else of the variable that people keep it in.
fn key(choice: &Choice, file: Option<PathBuf>) -> Result<Option<Key>, Error> {
    let unusable = |why: String| Error::input("model.key", why).help("a key is one line of a file of mode 0600");
    let text = match (file, choice.key_variable()) {
        (_, None) => return Ok(None),
        (Some(file), _) => {
            let bytes = ambient::read_secret(&file).map_err(unusable)?;
            String::from_utf8(bytes).map_err(|_| unusable("the key is not text".to_owned()))?
        }
        (None, Some(variable)) => match ambient::variable(variable) {
            Some(text) if !text.trim().is_empty() => text,
            _ => return Ok(None),
        },
    };
    Key::new(&text).map(Some).map_err(|error| unusable(error.to_string()))
}

fn refused(error: &OpenError) -> Error {
    Error::input("model.open", error.to_string()).help(error.help())
}

/// What to do, where no model is set.
fn none() -> Error {
    Error::input("model.none", "no model is set that could plan this task").help(
        "with Ollama: --model ollama:llama3.2\n\
         with a service: --model openai:NAME or anthropic:NAME, and its key in OPENAI_API_KEY or ANTHROPIC_API_KEY\n\
         for good: CLAW_MODEL, or `model = \"…\"` in config.toml of claw's configuration folder\n\
         a plan of your own needs no model: claw run --policy FILE --plan FILE",
    )
}
