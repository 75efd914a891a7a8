//! `claw policy pin`: writes the digests of a policy's component files into it, and changes nothing else.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use claw_policy::Document;
use claw_policy::printable::printable;
use serde_json::json;
use toml_edit::{DocumentMut, Item, Value};

use crate::ambient;
use crate::error::{DONE, Error};
use crate::load::folder_of;
use crate::report;

pub(crate) fn pin(file: &Path, json: bool) -> Result<ExitCode, Error> {
    let text = ambient::read_policy(file)?;
    let refuse = |errors| Error::Policy { file: file.to_owned(), text: text.clone(), errors };
    let document = Document::parse(&text).map_err(|error| refuse(vec![error]))?;
    let base = folder_of(file)?;
    let mut edited: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| Error::input("policy.syntax", error.to_string()))?;
    let mut pinned = Vec::new();
    for component in document.files() {
        let digest = claw_runtime::components::digest_of(&base.join(&component.path))
            .map_err(|error| Error::policy_file("component.read", file, error.to_string()))?;
        if component.digest.as_deref() != Some(&digest) {
            pinned.push(json!({ "path": component.path, "from": component.digest, "to": digest }));
        }
        write_digest(&mut edited, &component.path, &digest);
    }
    if !pinned.is_empty() {
        replace(file, &edited.to_string())?;
    }
    if json {
        report::print_json(&json!({ "pinned": pinned }))?;
    } else if pinned.is_empty() {
        report::print_text("every component is pinned already; nothing is changed")?;
    } else {
        let lines = pinned.iter().map(|pin| {
            let part = |key: &str| printable(pin.get(key).and_then(serde_json::Value::as_str).unwrap_or("nothing"));
            format!("{}: {} -> {}\n", part("path"), part("from"), part("to"))
        });
        report::print_text(&lines.collect::<String>())?;
    }
    Ok(ExitCode::from(DONE))
}

fn write_digest(document: &mut DocumentMut, path: &str, digest: &str) {
    let capabilities = document.get_mut("capability").and_then(Item::as_table_like_mut);
    for (_, capability) in capabilities.into_iter().flat_map(toml_edit::TableLike::iter_mut) {
        let component = capability.get_mut("component").and_then(Item::as_table_like_mut);
        if let Some(component) =
            component.filter(|component| component.get("path").and_then(Item::as_str) == Some(path))
        {
            match component.get_mut("digest").and_then(Item::as_value_mut) {
                Some(value) => {
                    let decor = value.decor().clone();
                    *value = Value::from(digest);
                    *value.decor_mut() = decor;
                }
                None => {
                    component.insert("digest", toml_edit::value(digest));
                }
            }
        }
    }
}

/// Replaces the policy whole, or not at all.
fn replace(file: &Path, text: &str) -> Result<(), Error> {
    let real = std::fs::canonicalize(file)?;
    let random = ambient::random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let temporary = real.with_extension(format!("{random}.tmp"));
    let mut new = std::fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    let permissions = std::fs::metadata(&real)?.permissions();
    let written =
        new.set_permissions(permissions).and_then(|()| new.write_all(text.as_bytes())).and_then(|()| new.sync_all());
    if let Err(error) = written.and_then(|()| std::fs::rename(&temporary, &real)) {
        std::fs::remove_file(&temporary)?;
        return Err(error.into());
    }
    Ok(())
}
