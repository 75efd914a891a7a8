//! What a policy says of an argument: a closed part of JSON Schema 2020-12, with `from`, `input` and `format = "path"`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use jsonschema::{Keyword, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value, json};

use crate::json::with_key;
use crate::label::{Admitted, BUILT_IN_ORIGINS, Choosers};
use crate::name::Name;
use crate::path;
use crate::types::{Kinds, Type};

/// The most faults that are reported of one value.
const FAULTS_MAX: usize = 100;

/// A schema of the dialect, compiled. Everything it does not say is left to the WIT type.
#[derive(Debug, Default)]
pub struct Schema {
    /// The JSON type, where the policy gives one.
    pub json_type: Option<JsonType>,
    /// The one value, put in by the host.
    pub constant: Option<Value>,
    /// The closed list of values.
    pub options: Option<Vec<Value>>,
    /// The input that is always put in.
    pub input: Option<Name>,
    /// Who may choose the value; the nearest counts.
    pub from: Option<Admitted>,
    /// Whose choice a person is asked about, besides `from`.
    pub ask: BTreeSet<Name>,
    /// Whether the value is a path inside a grant.
    pub is_path: bool,
    /// Whether the number of items is fixed.
    pub fixed_length: bool,
    /// Of the items of an array.
    pub items: Option<Box<Schema>>,
    /// Of the fields of an object. Where there are any, there are no others.
    pub properties: BTreeMap<String, Schema>,
    /// The keywords as written, without `from` and `input`, for whoever explains the policy.
    pub written: Map<String, Value>,
    validator: Option<Arc<Validator>>,
}

/// The types that a schema can ask for. There is no `null`: that is an option left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    /// `"boolean"`.
    Boolean,
    /// `"integer"`; `1.0` is none.
    Integer,
    /// `"number"`.
    Number,
    /// `"string"`.
    String,
    /// `"array"`.
    Array,
    /// `"object"`.
    Object,
    /// `"json"`: any JSON, for a string parameter that carries it.
    Json,
}

impl JsonType {
    /// What JSON it is.
    pub(crate) fn kinds(self) -> Kinds {
        match self {
            Self::Boolean => Kinds::BOOLEAN,
            Self::Integer | Self::Number => Kinds::NUMBER,
            Self::String => Kinds::STRING,
            Self::Array => Kinds::ARRAY,
            Self::Object => Kinds::OBJECT,
            Self::Json => Kinds::ANY,
        }
    }

    /// Its name in a schema.
    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
            Self::Json => "json",
        }
    }
}

/// A value outside its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFault {
    /// Which keyword refuses it.
    pub keyword: String,
    /// JSON pointer into the value.
    pub at: String,
    /// What is wrong, in words.
    pub message: String,
}

impl Schema {
    /// Parses a schema as a policy writes it.
    ///
    /// # Errors
    /// The first keyword that is unknown, has the wrong type, or does not compile.
    pub(crate) fn parse(written: &toml::Value) -> Result<Self, String> {
        let toml::Value::Table(table) = written else {
            return Err(format!("a schema is a table, and this is a {}", written.type_str()));
        };
        let mut schema = Self::default();
        for (keyword, value) in table {
            schema.keyword(keyword, value).map_err(|why| format!("`{keyword}`: {why}"))?;
            if !matches!(keyword.as_str(), "from" | "ask" | "input") {
                schema.written.insert(keyword.clone(), to_json(value)?);
            }
        }
        schema.fixed_length = table.get("minItems").is_some_and(|least| table.get("maxItems") == Some(least));
        if schema.input.is_some() && table.len() > 1 {
            return Err("`input` stands alone: the input's own schema says what it may be".to_owned());
        }
        if schema.constant.is_some() && schema.from.is_some() {
            return Err("`const` fixes the value, so nobody chooses it: `from` has no meaning beside it".to_owned());
        }
        if !schema.ask.is_empty() && (schema.constant.is_some() || schema.from == Some(Admitted::Any)) {
            return Err("`ask` is for origins that `from` does not admit".to_owned());
        }
        let implied = schema.implied_type()?;
        schema.json_type = match (schema.json_type, implied) {
            (None, implied) => implied,
            (Some(JsonType::Json), Some(implied)) => Some(implied),
            (Some(JsonType::Integer), Some(JsonType::Number)) | (Some(_), None) => schema.json_type,
            (Some(said), Some(implied)) if said == implied => Some(said),
            (Some(_), Some(_)) => return Err("it has keywords that are for another `type`".to_owned()),
        };
        schema.validator = schema.compile()?;
        Ok(schema)
    }

    /// The type that the keywords are about. A keyword that could never matter would make a policy weaker than it reads.
    fn implied_type(&self) -> Result<Option<JsonType>, String> {
        let mut implied = None;
        for keyword in self.written.keys() {
            let about = match keyword.as_str() {
                "pattern" | "format" | "minLength" | "maxLength" => JsonType::String,
                "minimum" | "maximum" => JsonType::Number,
                "items" | "minItems" | "maxItems" => JsonType::Array,
                "properties" => JsonType::Object,
                _ => continue,
            };
            if implied.is_some_and(|implied| implied != about) {
                return Err("it has keywords that are for different types".to_owned());
            }
            implied = Some(about);
        }
        Ok(implied)
    }

    fn keyword(&mut self, keyword: &str, value: &toml::Value) -> Result<(), String> {
        match keyword {
            "type" => self.json_type = Some(json_type(value)?),
            "const" => self.constant = Some(to_json(value)?),
            "enum" => {
                let options =
                    value.as_array().filter(|options| !options.is_empty()).ok_or("a list of values is wanted")?;
                self.options = Some(options.iter().map(to_json).collect::<Result<_, _>>()?);
            }
            "pattern" => {
                let pattern = value.as_str().ok_or("a string is wanted")?;
                // The linear-time engine: a pattern cannot be made to take long by what it is matched against.
                regex::Regex::new(pattern).map_err(|error| error.to_string())?;
            }
            "format" => {
                if value.as_str() != Some("path") {
                    return Err("the one format is \"path\"".to_owned());
                }
                self.is_path = true;
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "maxBytes" => {
                value.as_integer().and_then(|n| u64::try_from(n).ok()).ok_or("a count is wanted, 0 or more")?;
            }
            "minimum" | "maximum" => {
                if !value.is_integer() && !value.as_float().is_some_and(f64::is_finite) {
                    return Err("a number is wanted".to_owned());
                }
            }
            "items" => self.items = Some(Box::new(Self::parse(value)?)),
            "properties" => {
                let table = value.as_table().ok_or("a table of schemas is wanted")?;
                for (name, schema) in table {
                    let schema = Self::parse(schema).map_err(|why| format!("`{name}`: {why}"))?;
                    self.properties.insert(name.clone(), schema);
                }
            }
            "from" => self.from = Some(admitted(value)?),
            "ask" => match admitted(value)? {
                Admitted::Only(origins) => self.ask = origins,
                Admitted::Any => return Err("an origin each: nobody can answer for \"any\"".to_owned()),
            },
            "input" => {
                let name = value.as_str().ok_or("an input's name is wanted")?;
                self.input = Some(Name::new(name).map_err(|error| error.to_string())?);
            }
            _ => {
                return Err(
                    "there is no such keyword; there are type, enum, const, pattern, format, minLength, maxLength, \
                     minimum, maximum, items, minItems, maxItems, properties, maxBytes, from, ask and input"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }

    /// Checks a value that is known whole.
    ///
    /// # Errors
    /// Every part outside the schema.
    pub fn validate(&self, value: &Value) -> Result<(), Vec<SchemaFault>> {
        let Some(validator) = &self.validator else { return Ok(()) };
        let faults: Vec<SchemaFault> =
            validator.iter_errors(value).take(FAULTS_MAX).map(|error| SchemaFault::new(&error)).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Checks a value that is known whole, and is of the type that this schema narrows.
    ///
    /// # Errors
    /// Every part outside the schema.
    pub(crate) fn narrows(&self, ty: &Type, value: &Value) -> Result<(), Vec<SchemaFault>> {
        if ty.is_wide() { self.validate(&ty.numeric(value)) } else { self.validate(value) }
    }

    /// Whether the schema is for JSON that travels in a string parameter.
    pub(crate) fn carries_json(&self) -> bool {
        matches!(self.written.get("type").and_then(Value::as_str), Some("json" | "object" | "array"))
    }

    /// Whether an array of so many items is within `minItems` and `maxItems`.
    pub(crate) fn allows_items(&self, count: usize) -> bool {
        let bound = |keyword: &str| self.written.get(keyword).and_then(Value::as_u64);
        let count = count as u64;
        bound("minItems").is_none_or(|least| count >= least) && bound("maxItems").is_none_or(|most| count <= most)
    }

    /// Who may choose the value, where `outer` may choose what it is in. The nearest `from` counts, and the nearest `ask`.
    pub(crate) fn choosers<'s>(&'s self, outer: Choosers<'s>) -> Choosers<'s> {
        Choosers {
            from: self.from.as_ref().unwrap_or(outer.from),
            ask: if self.from.is_some() || !self.ask.is_empty() { &self.ask } else { outer.ask },
        }
    }

    /// Who may choose each part below, where somebody else does.
    pub(crate) fn choosers_below<'s>(&'s self, own: Choosers<'s>, below: &mut Vec<Choosers<'s>>) {
        for schema in self.items.as_deref().into_iter().chain(self.properties.values()) {
            let choosers = schema.choosers(own);
            if choosers.from != own.from || choosers.ask != own.ask {
                below.push(choosers);
            }
            schema.choosers_below(choosers, below);
        }
    }

    /// The type of a value that is bound to an input with this schema.
    pub(crate) fn bound_type(&self) -> Type {
        match self.json_type {
            None | Some(JsonType::String) => Type::String,
            Some(JsonType::Boolean) => Type::Bool,
            Some(JsonType::Integer) => Type::Signed(64),
            Some(JsonType::Number) => Type::Float(64),
            Some(JsonType::Array | JsonType::Object | JsonType::Json) => Type::Json,
        }
    }

    /// What JSON the value can be, as far as the type and the schema say.
    pub(crate) fn kinds(&self, ty: &Type) -> Kinds {
        let kinds = ty.kinds();
        match self.json_type {
            Some(json_type) if *ty.some() == Type::Json => json_type.kinds(),
            _ => kinds,
        }
    }

    /// What JSON can be put somewhere into the value, by a plan that writes the rest of it: the value itself, and those of
    /// its parts that nothing is said about here.
    pub(crate) fn open_kinds(&self, ty: &Type) -> Kinds {
        let parts = |parts: &mut dyn Iterator<Item = &Type>| {
            parts.flat_map(Type::subterms).fold(Kinds::NONE, |all, part| all.or(part.kinds()))
        };
        let below = match ty.some() {
            Type::List(_) if self.items.is_some() => Kinds::NONE,
            Type::Record(fields) => parts(
                &mut fields.iter().filter(|field| !self.properties.contains_key(&field.name)).map(|field| &field.ty),
            ),
            Type::Json => match self.json_type {
                Some(JsonType::Array) if self.items.is_some() => Kinds::NONE,
                Some(JsonType::Object) if !self.properties.is_empty() => Kinds::NONE,
                Some(JsonType::Boolean | JsonType::Integer | JsonType::Number | JsonType::String) => Kinds::NONE,
                _ => Kinds::ANY,
            },
            other => parts(&mut std::iter::once(other)),
        };
        self.kinds(ty).or(below)
    }

    /// Whether the policy fixes the value, or a part of it.
    pub(crate) fn fixes(&self) -> bool {
        self.constant.is_some() || self.input.is_some() || self.fixes_below()
    }

    /// Whether the policy fixes a part of the value, below the whole of it.
    pub(crate) fn fixes_below(&self) -> bool {
        let mut fixes = false;
        self.visit("", &mut |at, schema| {
            fixes |= !at.is_empty() && (schema.constant.is_some() || schema.input.is_some())
        });
        fixes
    }

    /// The schemas in this one, itself first, with their places.
    pub(crate) fn visit<'a>(&'a self, at: &str, visit: &mut impl FnMut(&str, &'a Self)) {
        visit(at, self);
        if let Some(items) = &self.items {
            items.visit(&with_key(at, "items"), visit);
        }
        for (name, schema) in &self.properties {
            schema.visit(&with_key(at, name), visit);
        }
    }

    fn compile(&self) -> Result<Option<Arc<Validator>>, String> {
        /// What most arguments of built-ins are, compiled once: a policy has many, and compiling is most of loading it.
        static PATH: LazyLock<Option<Arc<Validator>>> =
            LazyLock::new(|| compile(&json!({ "type": "string", "claw-path": true })).ok().map(Arc::new));
        let document = self.json_schema();
        if document.as_object().is_none_or(Map::is_empty) {
            return Ok(None);
        }
        if document == json!({ "type": "string", "claw-path": true })
            && let Some(path) = &*PATH
        {
            return Ok(Some(Arc::clone(path)));
        }
        compile(&document).map(|validator| Some(Arc::new(validator)))
    }

    /// The schema as the validator takes it.
    fn json_schema(&self) -> Value {
        let mut out = Map::new();
        match self.json_type {
            Some(JsonType::Json) | None => {}
            Some(JsonType::Integer) => {
                out.insert("claw-integer".to_owned(), Value::Bool(true));
            }
            Some(json_type) => {
                out.insert("type".to_owned(), Value::from(json_type.name()));
            }
        }
        for (keyword, value) in &self.written {
            let (keyword, value) = match keyword.as_str() {
                "type" => continue,
                // A pattern matches the whole string, so that what it does not say is not let in.
                "pattern" => ("pattern", Value::String(format!("^(?:{})$", value.as_str().unwrap_or_default()))),
                "format" => ("claw-path", Value::Bool(true)),
                "items" => ("items", self.items.as_ref().map_or(Value::Bool(true), |items| items.json_schema())),
                "properties" => {
                    out.insert("additionalProperties".to_owned(), Value::Bool(false));
                    let properties = self.properties.iter().map(|(name, schema)| (name.clone(), schema.json_schema()));
                    ("properties", Value::Object(properties.collect()))
                }
                other => (other, value.clone()),
            };
            out.insert(keyword.to_owned(), value);
        }
        Value::Object(out)
    }
}

impl SchemaFault {
    fn new(error: &ValidationError<'_>) -> Self {
        let keyword = match error.kind().keyword() {
            "claw-integer" => "type",
            "claw-path" => "format",
            "additionalProperties" => "properties",
            other => other,
        };
        // Without the value: it may be a secret that the reader of the message may not see.
        let message = crate::printable::printable(&error.masked_with("the value").to_string());
        Self { keyword: keyword.to_owned(), at: error.instance_path().as_str().to_owned(), message }
    }
}

struct WholeNumber;

impl<'v> Keyword<'v> for WholeNumber {
    fn validate(&self, value: &'v Value) -> Result<(), ValidationError<'v>> {
        if self.is_valid(value) {
            return Ok(());
        }
        Err(ValidationError::custom(format!("an integer is wanted, not {}", crate::types::kind(value))))
    }

    fn is_valid(&self, value: &'v Value) -> bool {
        value.is_i64() || value.is_u64()
    }
}

struct RelativePath;

impl<'v> Keyword<'v> for RelativePath {
    fn validate(&self, value: &'v Value) -> Result<(), ValidationError<'v>> {
        let Some(text) = value.as_str() else { return Ok(()) };
        path::check(text).map_err(|fault| ValidationError::custom(fault.to_string()))
    }

    fn is_valid(&self, value: &'v Value) -> bool {
        value.as_str().is_none_or(|text| path::check(text).is_ok())
    }
}

struct MaxBytes(usize);

impl<'v> Keyword<'v> for MaxBytes {
    fn validate(&self, value: &'v Value) -> Result<(), ValidationError<'v>> {
        if self.is_valid(value) {
            return Ok(());
        }
        Err(ValidationError::custom(format!("it is over {} bytes", self.0)))
    }

    fn is_valid(&self, value: &'v Value) -> bool {
        match value {
            Value::String(text) => text.len() <= self.0,
            other => other.to_string().len() <= self.0,
        }
    }
}

fn compile(document: &Value) -> Result<Validator, String> {
    jsonschema::options()
        // What the dialect has of 2020-12 means the same in draft 7, whose own schema is read in a fifth of the time.
        .with_draft(jsonschema::Draft::Draft7)
        .with_pattern_options(PatternOptions::regex())
        .with_keyword("claw-integer", |_, _, _| Ok(Box::new(WholeNumber)))
        .with_keyword("claw-path", |_, _, _| Ok(Box::new(RelativePath)))
        .with_keyword("maxBytes", |_, value: &Value, _| {
            Ok(Box::new(MaxBytes(value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0))))
        })
        .build(document)
        .map_err(|error| error.to_string())
}

fn json_type(value: &toml::Value) -> Result<JsonType, String> {
    Ok(match value.as_str() {
        Some("boolean") => JsonType::Boolean,
        Some("integer") => JsonType::Integer,
        Some("number") => JsonType::Number,
        Some("string") => JsonType::String,
        Some("array") => JsonType::Array,
        Some("object") => JsonType::Object,
        Some("json") => JsonType::Json,
        _ => return Err("one of boolean, integer, number, string, array, object, json is wanted".to_owned()),
    })
}

fn admitted(value: &toml::Value) -> Result<Admitted, String> {
    let wanted = "a list of origins is wanted, such as [\"user\", \"planner\"]";
    let names = value.as_array().filter(|names| !names.is_empty()).ok_or(wanted)?;
    let names = names.iter().map(|name| name.as_str().ok_or(wanted)).collect::<Result<Vec<_>, _>>()?;
    if names.contains(&"any") {
        return if names.len() == 1 { Ok(Admitted::Any) } else { Err("\"any\" stands alone".to_owned()) };
    }
    let names =
        names.into_iter().map(Name::new).collect::<Result<BTreeSet<_>, _>>().map_err(|error| error.to_string())?;
    Ok(Admitted::Only(names))
}

/// The origins that a schema names and that are not built in, with their places.
pub(crate) fn named_origins(schema: &Schema) -> Vec<Name> {
    let mut found = Vec::new();
    schema.visit("", &mut |_, schema| {
        let from = match &schema.from {
            Some(Admitted::Only(names)) => names.iter(),
            _ => Default::default(),
        };
        found.extend(from.chain(&schema.ask).filter(|name| !BUILT_IN_ORIGINS.contains(&name.as_str())).cloned());
    });
    found
}

fn to_json(value: &toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        // There is one zero, as in what is read.
        toml::Value::Float(number) if number.is_finite() => json!(number + 0.0),
        toml::Value::Boolean(flag) => json!(flag),
        toml::Value::Array(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => Value::Object(
            table.iter().map(|(key, value)| Ok((key.clone(), to_json(value)?))).collect::<Result<_, String>>()?,
        ),
        toml::Value::Float(_) | toml::Value::Datetime(_) => return Err(format!("`{value}` has no JSON")),
    })
}
