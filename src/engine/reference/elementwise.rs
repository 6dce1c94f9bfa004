//! Operators that make each number of the numbers at the same index.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use anyhow::{Result, bail};
use half::f16;

use super::call::Call;
use super::tensor::{Numbers, Tensor, broadcast};
use crate::engine::onnx::proto::DataType;

/// Applies an operator of one input. `None` if it is not one.
pub(super) fn unary(call: &Call) -> Result<Option<Tensor>> {
    let alpha = |default| call.float("alpha", default);
    let float: Box<dyn Fn(f32) -> f32> = match call.node.op_type.as_str() {
        "Sqrt" => Box::new(f32::sqrt),
        "Exp" => Box::new(f32::exp),
        "Log" => Box::new(f32::ln),
        "Sin" => Box::new(f32::sin),
        "Cos" => Box::new(f32::cos),
        "Tanh" => Box::new(f32::tanh),
        "Erf" => Box::new(|x| erf(x.into()) as f32),
        "Sigmoid" => Box::new(sigmoid),
        "Reciprocal" => Box::new(f32::recip),
        "Softplus" => Box::new(|x| x.exp().ln_1p()),
        "Ceil" => Box::new(f32::ceil),
        "Floor" => Box::new(f32::floor),
        "Round" => Box::new(f32::round_ties_even),
        "Relu" => Box::new(|x| x.max(0.0)),
        "LeakyRelu" => {
            let alpha = alpha(0.01);
            Box::new(move |x| if x < 0.0 { alpha * x } else { x })
        }
        "Elu" => {
            let alpha = alpha(1.0);
            Box::new(move |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
        }
        "Gelu" => match call.attribute("approximate").map_or(&b"none"[..], |a| &a.s) {
            b"tanh" => Box::new(gelu_tanh),
            _ => Box::new(gelu),
        },
        "Abs" | "Neg" | "Sign" | "Not" | "IsNaN" => return signs(call).map(Some),
        _ => return Ok(None),
    };
    let x = call.input(0)?;
    let floats = x.as_floats().iter().map(|&x| float(x)).collect();
    Tensor::floats(x.shape.clone(), floats).map(Some)
}

/// The operators of one input that also take integers.
fn signs(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let numbers = match (call.node.op_type.as_str(), &x.numbers) {
        ("IsNaN", _) => Numbers::Integer(x.as_floats().iter().map(|x| x.is_nan().into()).collect()),
        ("Not", _) => Numbers::Integer(x.as_integers().iter().map(|&x| (x == 0).into()).collect()),
        ("Abs", Numbers::Float(x)) => Numbers::Float(x.iter().map(|x| x.abs()).collect()),
        ("Abs", Numbers::Integer(x)) => {
            Numbers::Integer(x.iter().map(|x| x.wrapping_abs()).collect())
        }
        ("Neg", Numbers::Float(x)) => Numbers::Float(x.iter().map(|x| -x).collect()),
        ("Neg", Numbers::Integer(x)) => {
            Numbers::Integer(x.iter().map(|x| x.wrapping_neg()).collect())
        }
        (_, Numbers::Float(x)) => {
            let sign = |&x: &f32| if x == 0.0 { 0.0 } else { x.signum() };
            Numbers::Float(x.iter().map(sign).collect())
        }
        (_, Numbers::Integer(x)) => Numbers::Integer(x.iter().map(|x| x.signum()).collect()),
    };
    Tensor::new(x.shape.clone(), numbers)
}

/// Applies an operator of two inputs, or of a list of them. `None` if it is not one.
pub(super) fn binary(call: &Call) -> Result<Option<Tensor>> {
    let name = call.node.op_type.as_str();
    if !BINARY.contains(&name) {
        return Ok(None);
    }
    let mut result = call.input(0)?.clone();
    for i in 1..call.inputs.len() {
        result = pair(call, name, &result, call.input(i)?)?;
    }
    Ok(Some(result))
}

const BINARY: [&str; 16] = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Mod",
    "Min",
    "Max",
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "And",
    "Or",
    "Xor",
];

fn pair(call: &Call, name: &str, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let shape = broadcast(&a.shape, &b.shape)?;
    let at = a.broadcast_offsets(&shape)?.into_iter().zip(b.broadcast_offsets(&shape)?);
    if a.is_float() || b.is_float() {
        let (a, b) = (a.as_floats(), b.as_floats());
        let pairs = at.map(|(i, j)| (a[i], b[j]));
        if let Some(f) = compare::<f32>(name) {
            return Tensor::integers(shape, pairs.map(|(a, b)| f(&a, &b).into()).collect());
        }
        let f: fn(f32, f32) -> f32 = match name {
            "Add" => |a, b| a + b,
            "Sub" => |a, b| a - b,
            "Mul" => |a, b| a * b,
            "Div" => |a, b| a / b,
            "Pow" => f32::powf,
            "Min" => f32::min,
            "Max" => f32::max,
            _ => bail!("it is not defined for floats"),
        };
        return Tensor::floats(shape, pairs.map(|(a, b)| f(a, b)).collect());
    }
    let (a, b) = (a.as_integers(), b.as_integers());
    let pairs = at.map(|(i, j)| (a[i], b[j]));
    if let Some(f) = compare::<i64>(name) {
        return Tensor::integers(shape, pairs.map(|(a, b)| f(&a, &b).into()).collect());
    }
    let c_remainder = call.int("fmod", 0) != 0;
    let f = |(a, b): (i64, i64)| {
        Some(match name {
            "Add" => a.wrapping_add(b),
            "Sub" => a.wrapping_sub(b),
            "Mul" => a.wrapping_mul(b),
            "Div" => a.checked_div(b)?,
            "Pow" => a.checked_pow(b.try_into().ok()?)?,
            "Mod" if c_remainder => a.checked_rem(b)?,
            "Mod" => a.checked_rem(b)?.wrapping_add(b).checked_rem(b)?,
            "Min" => a.min(b),
            "Max" => a.max(b),
            "And" => a & b,
            "Or" => a | b,
            _ => a ^ b,
        })
    };
    match pairs.map(f).collect::<Option<Vec<_>>>() {
        Some(integers) => Tensor::integers(shape, integers),
        None => bail!("an integer is divided by 0 or too large"),
    }
}

fn compare<T: PartialOrd>(name: &str) -> Option<fn(&T, &T) -> bool> {
    Some(match name {
        "Equal" => T::eq,
        "Less" => T::lt,
        "LessOrEqual" => T::le,
        "Greater" => T::gt,
        "GreaterOrEqual" => T::ge,
        _ => return None,
    })
}

/// `condition ? x : y`.
pub(super) fn choose(call: &Call) -> Result<Tensor> {
    let (which, x, y) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let shape = broadcast(&which.shape, &broadcast(&x.shape, &y.shape)?)?;
    let (which_at, x_at) = (which.broadcast_offsets(&shape)?, x.broadcast_offsets(&shape)?);
    let at: Vec<_> = which_at.iter().zip(x_at).zip(y.broadcast_offsets(&shape)?).collect();
    let which = which.as_integers();
    if x.is_float() || y.is_float() {
        let (x, y) = (x.as_floats(), y.as_floats());
        let chosen = at.iter().map(|&((&w, i), j)| if which[w] != 0 { x[i] } else { y[j] });
        return Tensor::floats(shape, chosen.collect());
    }
    let (x, y) = (x.as_integers(), y.as_integers());
    let chosen = at.iter().map(|&((&w, i), j)| if which[w] != 0 { x[i] } else { y[j] });
    Tensor::integers(shape, chosen.collect())
}

/// Limits from attributes, in old opsets, or from inputs.
pub(super) fn clip(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let limit = |name, index| match (call.attribute(name), call.optional(index)) {
        (Some(attribute), _) => Some(attribute.f),
        (None, Some(limit)) => limit.as_floats().first().copied(),
        (None, None) => None,
    };
    let (low, high) = (limit("min", 1), limit("max", 2));
    let clip = |x: f32| {
        let x = low.map_or(x, |low| x.max(low));
        high.map_or(x, |high| x.min(high))
    };
    let shape = x.shape.clone();
    match &x.numbers {
        Numbers::Float(x) => Tensor::floats(shape, x.iter().map(|&x| clip(x)).collect()),
        Numbers::Integer(x) => {
            Tensor::integers(shape, x.iter().map(|&x| clip(x as f32) as i64).collect())
        }
    }
}

/// Floats become integers by truncation, and booleans by a comparison with 0.
pub(super) fn cast(call: &Call) -> Result<Tensor> {
    let x = call.input(0)?;
    let to = DataType::try_from(call.int("to", 0) as i32);
    let numbers = match to {
        Ok(DataType::Float | DataType::Double) => Numbers::Float(x.as_floats().into_owned()),
        Ok(DataType::Float16) => {
            Numbers::Float(x.as_floats().iter().map(|&x| f16::from_f32(x).to_f32()).collect())
        }
        Ok(DataType::Int8 | DataType::Uint8 | DataType::Int16 | DataType::Uint16) => {
            Numbers::Float(x.as_floats().iter().map(|x| x.trunc()).collect())
        }
        Ok(DataType::Int32 | DataType::Int64) => Numbers::Integer(x.as_integers().into_owned()),
        Ok(DataType::Bool) => {
            Numbers::Integer(x.as_floats().iter().map(|&x| (x != 0.0).into()).collect())
        }
        _ => bail!("it casts to ONNX's type {}", call.int("to", 0)),
    };
    Tensor::new(x.shape.clone(), numbers)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn gelu(x: f32) -> f32 {
    (f64::from(x) * 0.5 * (1.0 + erf(f64::from(x) * FRAC_1_SQRT_2))) as f32
}

fn gelu_tanh(x: f32) -> f32 {
    let x = f64::from(x);
    (x * 0.5 * (1.0 + ((2.0 / PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())) as f32
}

/// The error function by its series with positive terms (Abramowitz and Stegun 1964, 7.1.6).
fn erf(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 6.0 {
        return if x.is_nan() { x } else { x.signum() };
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-17 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    2.0 / PI.sqrt() * (-x * x).exp() * sum
}
