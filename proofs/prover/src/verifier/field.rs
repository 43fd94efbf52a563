//! Goldilocks on canonical `u64` values, and its quadratic extension F[X] / (X^2 - 7).

use std::ops::{Add, AddAssign, Mul, Sub};

/// Order of the field: 2^64 - 2^32 + 1.
pub const P: u64 = 0xffff_ffff_0000_0001;
/// 2^64 mod p.
const EPSILON: u64 = 0xffff_ffff;
/// X^2, also the shift of every committed low-degree extension.
pub const SEVEN: u64 = 7;
/// The largest k with a subgroup of order 2^k.
pub const TWO_ADICITY: u32 = 32;
/// Of order 2^32.
const ROOT: u64 = 0x1856_29dc_da58_878c;

pub fn add(a: u64, b: u64) -> u64 {
    let (sum, carried) = a.overflowing_add(b);
    let (reduced, borrowed) = sum.overflowing_sub(P);
    if carried || !borrowed { reduced } else { sum }
}

pub fn sub(a: u64, b: u64) -> u64 {
    let (difference, borrowed) = a.overflowing_sub(b);
    if borrowed {
        difference.wrapping_add(P)
    } else {
        difference
    }
}

pub fn mul(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    // With 2^64 = 2^32 - 1 and 2^96 = -1: low + middle (2^32 - 1) - high.
    let low = product as u64;
    let upper = (product >> 64) as u64;
    let (high, middle) = (upper >> 32, upper & EPSILON);
    let (difference, borrowed) = low.overflowing_sub(high);
    let difference = difference.wrapping_sub(if borrowed { EPSILON } else { 0 });
    let (sum, carried) = difference.overflowing_add(middle.wrapping_mul(EPSILON));
    let sum = sum.wrapping_add(if carried { EPSILON } else { 0 });
    if sum >= P { sum.wrapping_sub(P) } else { sum }
}

pub fn pow(base: u64, exponent: u64) -> u64 {
    let (mut result, mut base, mut exponent) = (1, base, exponent);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul(result, base);
        }
        base = mul(base, base);
        exponent >>= 1;
    }
    result
}

/// `base^(2^k)`.
pub fn square_times(base: u64, k: u32) -> u64 {
    (0..k).fold(base, |power, _| mul(power, power))
}

/// The inverse; none for zero.
pub fn inverse(value: u64) -> Option<u64> {
    (value != 0).then(|| pow(value, P.wrapping_sub(2)))
}

/// The generator of the subgroup of order 2^`log_size`; 2^32 is the largest.
pub fn generator(log_size: u32) -> u64 {
    square_times(ROOT, TWO_ADICITY.saturating_sub(log_size))
}

/// The low `width` bits of `index` in reverse order.
pub fn reverse_bits(index: u64, width: u32) -> u64 {
    index
        .reverse_bits()
        .checked_shr(u64::BITS.saturating_sub(width))
        .unwrap_or(0)
}

/// `a + b X`, both coordinates canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    pub a: u64,
    pub b: u64,
}

impl Extension {
    pub const ZERO: Self = Self { a: 0, b: 0 };
    pub const ONE: Self = Self { a: 1, b: 0 };

    pub fn lift(a: u64) -> Self {
        Self { a, b: 0 }
    }

    /// Times X.
    pub fn times_x(self) -> Self {
        Self {
            a: mul(SEVEN, self.b),
            b: self.a,
        }
    }

    pub fn scale(self, factor: u64) -> Self {
        Self {
            a: mul(self.a, factor),
            b: mul(self.b, factor),
        }
    }

    /// `self^(2^k)`.
    pub fn square_times(self, k: u32) -> Self {
        (0..k).fold(self, |power, _| power * power)
    }

    pub fn power(self, exponent: u32) -> Self {
        (0..exponent).fold(Self::ONE, |power, _| power * self)
    }

    /// The conjugate over the norm; none for zero.
    pub fn inverse(self) -> Option<Self> {
        let norm = sub(mul(self.a, self.a), mul(SEVEN, mul(self.b, self.b)));
        let conjugate = Self {
            a: self.a,
            b: sub(0, self.b),
        };
        inverse(norm).map(|scale| conjugate.scale(scale))
    }

    /// The wire's 16 bytes.
    pub fn bytes(self) -> [u8; 16] {
        let packed = u128::from(self.b).wrapping_shl(64) | u128::from(self.a);
        packed.to_le_bytes()
    }
}

impl Add for Extension {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            a: add(self.a, other.a),
            b: add(self.b, other.b),
        }
    }
}

impl AddAssign for Extension {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Extension {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            a: sub(self.a, other.a),
            b: sub(self.b, other.b),
        }
    }
}

impl Mul for Extension {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self {
            a: add(mul(self.a, other.a), mul(SEVEN, mul(self.b, other.b))),
            b: add(mul(self.a, other.b), mul(self.b, other.a)),
        }
    }
}
