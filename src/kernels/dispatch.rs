//! The choice of an instruction set at run time.

use super::isa::contract::{Isa, Op};
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
use super::isa::neon::Neon;
#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
use super::isa::relaxed::Relaxed;
#[cfg(any(not(target_feature = "simd128"), test))]
use super::isa::scalar::Scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::isa::simd128::Simd128;
#[cfg(target_arch = "x86_64")]
use super::isa::{avx2::Avx2, avx512::Avx512};
use super::layout::{MatrixI8, Packed};

/// An instruction set that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(InstructionSet);

/// Defines `InstructionSet` and what depends on the list of them, the slowest first. Each has its
/// condition for being compiled, its type, and its constructors, which return `None` if the machine
/// lacks the instructions.
macro_rules! instruction_sets {
    ($($(#[$condition:meta])* $isa:ident: $($new:expr),+;)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum InstructionSet {
            $($(#[$condition])* $isa($isa),)+
        }

        impl Kernel {
            /// Every kernel of this machine, the slowest first.
            pub fn all() -> Vec<Kernel> {
                let mut all = Vec::new();
                $(
                    $(#[$condition])*
                    all.extend([$($new),+].into_iter().flatten().map(InstructionSet::$isa));
                )+
                all.into_iter().map(Kernel).collect()
            }

            /// Its name: `scalar`, `avx2`, `avxvnni`, `avx512`, `neon`, `dotprod`, `i8mm`, `simd128`,
            /// `relaxed`, `relaxed_maddubs` or `relaxed_dpbusd`.
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($(#[$condition])* InstructionSet::$isa(isa) => isa.name(),)+
                }
            }

            pub(super) fn run(self, op: impl Op) {
                match self.0 {
                    $($(#[$condition])* InstructionSet::$isa(isa) => isa.run(op),)+
                }
            }

            fn pack(self, weights: &MatrixI8) -> Packed {
                match self.0 {
                    $($(#[$condition])* InstructionSet::$isa(isa) => isa.pack(weights),)+
                }
            }

            fn suits(self, packed: &Packed) -> bool {
                match self.0 {
                    $($(#[$condition])* InstructionSet::$isa(isa) => isa.suits(packed),)+
                }
            }
        }
    };
}

instruction_sets! {
    // A page would download it in vain where simd128 is certain.
    #[cfg(any(not(target_feature = "simd128"), test))]
    Scalar: Some(Scalar);
    #[cfg(target_arch = "x86_64")]
    Avx2: Avx2::new(), Avx2::with_vnni();
    #[cfg(target_arch = "x86_64")]
    Avx512: Avx512::new();
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    Neon: Neon::new(), Neon::with_dotprod(), Neon::with_i8mm();
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128: Some(Simd128);
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    Relaxed: Relaxed::portable(), Relaxed::maddubs(), Relaxed::dpbusd();
}

impl Kernel {
    /// The plain and slow kernel.
    #[cfg(any(not(target_feature = "simd128"), test))]
    pub const SCALAR: Kernel = Kernel(InstructionSet::Scalar(Scalar));

    /// The kernel that every machine has.
    #[cfg(not(target_feature = "simd128"))]
    const BASELINE: Kernel = Kernel::SCALAR;
    #[cfg(target_feature = "simd128")]
    const BASELINE: Kernel = Kernel(InstructionSet::Simd128(Simd128));

    /// The fastest kernel of this machine.
    pub fn best() -> Kernel {
        *Kernel::all().last().unwrap_or(&Kernel::BASELINE)
    }

    /// Packs a matrix for this kernel, or for the next slower one that it suits.
    pub(super) fn pack_suitably(self, weights: &MatrixI8) -> (Kernel, Packed) {
        let packed = self.pack(weights);
        if self.suits(&packed) {
            return (self, packed);
        }
        let slower = Kernel::all().into_iter().rev().skip_while(|&kernel| kernel != self).nth(1);
        slower.unwrap_or(Kernel::BASELINE).pack_suitably(weights)
    }
}
