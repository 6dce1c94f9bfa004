//! ONNX graphs as trees of Protocol Buffers' fields, which can be changed and written again.

use arbitrary::Arbitrary;

/// A message of the ONNX format whose fields are messages too, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Value,
    Other,
}

impl Kind {
    fn of_field(self, number: u64) -> Option<Kind> {
        Some(match (self, number) {
            (Kind::Model, 7) | (Kind::Attribute, 6) => Kind::Graph,
            (Kind::Model, 8) => Kind::Other,
            (Kind::Graph, 1) => Kind::Node,
            (Kind::Graph, 5) | (Kind::Attribute, 5) => Kind::Tensor,
            (Kind::Graph, 11 | 12) => Kind::Value,
            (Kind::Node, 5) => Kind::Attribute,
            (Kind::Tensor, 13) => Kind::Other,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Field {
    pub number: u64,
    pub content: Content,
}

#[derive(Clone, Debug)]
pub enum Content {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

/// The way to a field: in each message, which of its fields, modulo their number.
type Way = Vec<u16>;

#[derive(Arbitrary, Debug)]
pub enum GraphEdit {
    Remove(Way),
    Duplicate(Way),
    /// Puts a copy of one field's content in the place of another's.
    Copy(Way, Way),
    Varint(Way, i64),
    Small(Way, u8),
    Bytes(Way, Vec<u8>),
    /// A name of an operator, an attribute or a value.
    Word(Way, u8),
    Number(Way, u8),
    /// Keeps so many bytes.
    Cut(Way, u16),
}

/// The fields of a message. `None` if it is damaged.
pub fn parse(kind: Kind, mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let number = tag >> 3;
        let mut take = |length: usize| {
            let (taken, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            Some(taken)
        };
        let content = match tag & 7 {
            0 => Content::Varint(varint(&mut bytes)?),
            1 => Content::Fixed64(take(8)?.try_into().ok()?),
            5 => Content::Fixed32(take(4)?.try_into().ok()?),
            2 => {
                let length = varint(&mut bytes)? as usize;
                let (taken, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                match kind.of_field(number) {
                    Some(kind) => Content::Message(parse(kind, taken)?),
                    None => Content::Bytes(taken.to_vec()),
                }
            }
            _ => return None,
        };
        fields.push(Field { number, content });
    }
    Some(fields)
}

pub fn write(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for Field { number, content } in fields {
        let mut tag = |wire: u64| put_varint(&mut out, number << 3 | wire);
        match content {
            Content::Varint(value) => {
                tag(0);
                put_varint(&mut out, *value);
            }
            Content::Fixed64(bytes) => {
                tag(1);
                out.extend(bytes);
            }
            Content::Fixed32(bytes) => {
                tag(5);
                out.extend(bytes);
            }
            Content::Bytes(bytes) => {
                tag(2);
                put_varint(&mut out, bytes.len() as u64);
                out.extend(bytes);
            }
            Content::Message(fields) => {
                tag(2);
                let bytes = write(fields);
                put_varint(&mut out, bytes.len() as u64);
                out.extend(bytes);
            }
        }
    }
    out
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0u64, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte < 0x80 {
            return Some(value);
        }
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl GraphEdit {
    pub fn apply(&self, fields: &mut Vec<Field>, words: &[&str]) {
        let word = |word: &u8| words[usize::from(*word) % words.len()].as_bytes().to_vec();
        match self {
            GraphEdit::Remove(way) => at(fields, way, |list, i| drop(list.remove(i))),
            GraphEdit::Duplicate(way) => at(fields, way, |list, i| list.insert(i, list[i].clone())),
            GraphEdit::Copy(from, to) => {
                let mut copy = None;
                at(fields, from, |list, i| copy = Some(list[i].content.clone()));
                at(fields, to, |list, i| list[i].content = copy.take().unwrap());
            }
            GraphEdit::Varint(way, value) => set(fields, way, Content::Varint(*value as u64)),
            GraphEdit::Small(way, value) => set(fields, way, Content::Varint(u64::from(*value))),
            GraphEdit::Bytes(way, bytes) => set(fields, way, Content::Bytes(bytes.clone())),
            GraphEdit::Word(way, index) => set(fields, way, Content::Bytes(word(index))),
            GraphEdit::Number(way, number) => {
                at(fields, way, |list, i| list[i].number = u64::from(*number % 16 + 1))
            }
            GraphEdit::Cut(way, length) => at(fields, way, |list, i| {
                if let Content::Bytes(bytes) = &mut list[i].content {
                    bytes.truncate((*length).into());
                }
            }),
        }
    }
}

fn set(fields: &mut Vec<Field>, way: &[u16], content: Content) {
    at(fields, way, |list, i| list[i].content = content);
}

/// Calls `change` with the list that holds a field, and the field's index in it.
fn at(fields: &mut Vec<Field>, way: &[u16], change: impl FnOnce(&mut Vec<Field>, usize)) {
    let Some((step, rest)) = way.split_first() else { return };
    if fields.is_empty() {
        return;
    }
    let index = usize::from(*step) % fields.len();
    let is_message = matches!(fields[index].content, Content::Message(_));
    if rest.is_empty() || !is_message {
        return change(fields, index);
    }
    if let Content::Message(inner) = &mut fields[index].content {
        at(inner, rest, change);
    }
}
