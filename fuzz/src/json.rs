//! Changes to JSON documents.

use arbitrary::Arbitrary;
use serde_json::{Value, json};

/// The way to a value: at each object or array, which of its values, modulo their number.
type Way = Vec<u8>;

#[derive(Arbitrary, Debug)]
pub enum JsonEdit {
    Remove(Way, u8),
    Replace(Way, Leaf),
    Insert(Way, Key, Leaf),
    /// Puts a copy of one value in the place of another.
    Copy(Way, Way),
}

#[derive(Arbitrary, Debug)]
pub enum Key {
    Word(u8),
    Text(String),
}

#[derive(Arbitrary, Debug)]
pub enum Leaf {
    Null,
    Bool(bool),
    Small(u8),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Word(u8),
    Text(String),
    /// A text of this many times 256 bytes.
    Long(u8),
    Array(u8),
    Object,
    /// Arrays in arrays.
    Deep(u8),
}

impl JsonEdit {
    /// Changes a document. `words` are texts that mean something in it.
    pub fn apply(&self, document: &mut Value, words: &[&str]) {
        match self {
            JsonEdit::Remove(way, which) => match find(document, way) {
                Value::Array(items) if !items.is_empty() => {
                    items.remove(usize::from(*which) % items.len());
                }
                Value::Object(fields) if !fields.is_empty() => {
                    let key = fields.keys().nth(usize::from(*which) % fields.len()).cloned();
                    fields.remove(&key.unwrap());
                }
                _ => (),
            },
            JsonEdit::Replace(way, leaf) => *find(document, way) = leaf.value(words),
            JsonEdit::Insert(way, key, leaf) => match find(document, way) {
                Value::Array(items) => items.push(leaf.value(words)),
                Value::Object(fields) => {
                    let key = match key {
                        Key::Word(word) => pick(words, *word).to_owned(),
                        Key::Text(text) => text.clone(),
                    };
                    fields.insert(key, leaf.value(words));
                }
                _ => (),
            },
            JsonEdit::Copy(from, to) => {
                let copy = find(document, from).clone();
                *find(document, to) = copy;
            }
        }
    }
}

impl Leaf {
    fn value(&self, words: &[&str]) -> Value {
        match self {
            Leaf::Null => Value::Null,
            Leaf::Bool(value) => json!(value),
            Leaf::Small(value) => json!(value),
            Leaf::Integer(value) => json!(value),
            Leaf::Unsigned(value) => json!(value),
            Leaf::Float(value) => json!(value),
            Leaf::Word(word) => json!(pick(words, *word)),
            Leaf::Text(text) => json!(text),
            Leaf::Long(length) => json!("long and ".repeat(usize::from(*length) * 28)),
            Leaf::Array(length) => json!(vec!["a"; (*length).into()]),
            Leaf::Object => json!({}),
            Leaf::Deep(depth) => (0..*depth).fold(json!([]), |inner, _| json!([inner])),
        }
    }
}

fn pick<'a>(words: &[&'a str], word: u8) -> &'a str {
    words[usize::from(word) % words.len()]
}

fn find<'v>(mut value: &'v mut Value, way: &[u8]) -> &'v mut Value {
    for step in way {
        let step = usize::from(*step);
        let is_leaf = match value {
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => true,
        };
        if is_leaf {
            return value;
        }
        value = match value {
            Value::Array(items) => {
                let index = step % items.len();
                &mut items[index]
            }
            Value::Object(fields) => {
                let index = step % fields.len();
                fields.values_mut().nth(index).unwrap()
            }
            _ => unreachable!("it has values"),
        };
    }
    value
}
