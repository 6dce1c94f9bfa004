//! The part of the ONNX format that this library reads, as messages of Protocol Buffers.
//!
//! Names and tags are those of `onnx/onnx.proto3` in the ONNX repository (IR version 10). Fields
//! that are not named here are skipped.

use bytes::Bytes;
use prost::Message;

/// A file.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[cfg(feature = "general")]
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
}

/// A version of the operators of a domain.
#[cfg(feature = "general")]
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSet {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// Nodes in the order in which they are computed, and constants.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<Value>,
}

/// A call of an operator.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

impl Node {
    /// Its operator and its name, or that of what it computes, for messages.
    pub fn label(&self) -> String {
        let name = Some(&self.name).filter(|name| !name.is_empty()).or(self.output.first());
        format!("{} {}", self.op_type, name.map_or("without a name", String::as_str))
    }
}

/// An attribute of an operator.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, tag = "2")]
    pub f: f32,
    #[prost(int64, tag = "3")]
    pub i: i64,
    #[prost(bytes = "bytes", tag = "4")]
    pub s: Bytes,
    #[prost(message, optional, tag = "5")]
    pub t: Option<Tensor>,
    #[prost(message, optional, boxed, tag = "6")]
    pub g: Option<Box<Graph>>,
    #[cfg(feature = "general")]
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[cfg(feature = "general")]
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    /// Which of the fields it is.
    #[prost(enumeration = "AttributeType", tag = "20")]
    pub r#type: i32,
}

/// The types of the attributes that this library writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum AttributeType {
    Undefined = 0,
    Float = 1,
    Int = 2,
    String = 3,
    Ints = 7,
}

/// A constant. Its numbers are in `raw_data`, little-endian, or in the field of their type, or in a
/// file beside the graph.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(enumeration = "DataType", tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<Setting>,
    #[prost(enumeration = "Location", tag = "14")]
    pub data_location: i32,
}

/// An entry of `external_data`.
#[derive(Clone, PartialEq, Message)]
pub struct Setting {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// Where a constant's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Location {
    Default = 0,
    /// In a file of their own; `external_data` says where.
    External = 1,
}

/// An input or an output of a graph.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type and its shape, encoded.
    #[cfg(feature = "general")]
    #[prost(bytes = "bytes", tag = "2")]
    pub r#type: Bytes,
}

/// The types of numbers that exports of encoders hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum DataType {
    Undefined = 0,
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Uint16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    /// Two numbers in a byte, the first in the low bits.
    Uint4 = 21,
    Int4 = 22,
}

impl DataType {
    /// The size of a number, if it is whole bytes.
    pub fn bytes(self) -> Option<usize> {
        match self {
            DataType::Uint8 | DataType::Int8 | DataType::Bool => Some(1),
            DataType::Float16 | DataType::Uint16 | DataType::Int16 => Some(2),
            DataType::Float | DataType::Int32 => Some(4),
            DataType::Int64 | DataType::Double => Some(8),
            DataType::Undefined | DataType::Uint4 | DataType::Int4 => None,
        }
    }

    /// The least and the largest number, if it is a type that numbers are quantized to.
    #[cfg(feature = "general")]
    pub fn integers(self) -> Option<(f32, f32)> {
        match self {
            DataType::Uint4 => Some((0.0, 15.0)),
            DataType::Int4 => Some((-8.0, 7.0)),
            DataType::Uint8 => Some((0.0, 255.0)),
            DataType::Int8 => Some((-128.0, 127.0)),
            DataType::Uint16 => Some((0.0, 65_535.0)),
            DataType::Int16 => Some((-32_768.0, 32_767.0)),
            _ => None,
        }
    }
}
