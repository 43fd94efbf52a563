//! Parameters of a proof: the first block of the verification key.

use crate::vk::SetupError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    pub log_blowup: u8,
    pub num_queries: u8,
    pub cap_height: u8,
    pub max_log_arity: u8,
    pub log_final_poly_len: u8,
    pub lookup_pow_bits: u8,
    pub ood_pow_bits: u8,
    pub batch_pow_bits: u8,
    pub commit_pow_bits: u8,
    pub query_pow_bits: u8,
}

impl Params {
    pub const NAMES: [&'static str; 10] = [
        "log_blowup",
        "num_queries",
        "cap_height",
        "max_log_arity",
        "log_final_poly_len",
        "lookup_pow_bits",
        "ood_pow_bits",
        "batch_pow_bits",
        "commit_pow_bits",
        "query_pow_bits",
    ];

    pub fn from_array(v: [u8; 10]) -> Self {
        Self {
            log_blowup: v[0],
            num_queries: v[1],
            cap_height: v[2],
            max_log_arity: v[3],
            log_final_poly_len: v[4],
            lookup_pow_bits: v[5],
            ood_pow_bits: v[6],
            batch_pow_bits: v[7],
            commit_pow_bits: v[8],
            query_pow_bits: v[9],
        }
    }

    pub fn to_array(self) -> [u8; 10] {
        [
            self.log_blowup,
            self.num_queries,
            self.cap_height,
            self.max_log_arity,
            self.log_final_poly_len,
            self.lookup_pow_bits,
            self.ood_pow_bits,
            self.batch_pow_bits,
            self.commit_pow_bits,
            self.query_pow_bits,
        ]
    }

    pub fn check(&self) -> Result<(), SetupError> {
        let limits: [(u8, u8); 10] = [
            (1, 6),
            (1, 255),
            (0, 8),
            (1, 4),
            (0, 10),
            (0, 40),
            (0, 40),
            (0, 40),
            (0, 40),
            (0, 40),
        ];
        for ((name, value), (low, high)) in Self::NAMES.iter().zip(self.to_array()).zip(limits) {
            if !(low..=high).contains(&value) {
                return Err(SetupError::Params(
                    name,
                    format!("{value} is not in {low}..={high}"),
                ));
            }
        }
        if self.cap_height > self.log_blowup + self.log_final_poly_len {
            return Err(SetupError::Params(
                "cap_height",
                "above log_blowup + log_final_poly_len".into(),
            ));
        }
        Ok(())
    }
}
