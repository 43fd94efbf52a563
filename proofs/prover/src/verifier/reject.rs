//! Why a proof is rejected: the reasons of docs/proof-format.md section 7.

/// The check that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Vk,
    Context,
    Length,
    Message,
    Element,
    LookupPow,
    OodPow,
    BatchPow,
    CommitPow,
    QueryPow,
    Bus,
    OodPoint,
    Constraints,
    Merkle,
    QueryPoint,
    FriMerkle,
    FoldPoint,
    FinalPoly,
}

impl Reason {
    /// The name in the format's page.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vk => "vk",
            Self::Context => "context",
            Self::Length => "length",
            Self::Message => "message",
            Self::Element => "element",
            Self::LookupPow => "lookup_pow",
            Self::OodPow => "ood_pow",
            Self::BatchPow => "batch_pow",
            Self::CommitPow => "commit_pow",
            Self::QueryPow => "query_pow",
            Self::Bus => "bus",
            Self::OodPoint => "ood_point",
            Self::Constraints => "constraints",
            Self::Merkle => "merkle",
            Self::QueryPoint => "query_point",
            Self::FriMerkle => "fri_merkle",
            Self::FoldPoint => "fold_point",
            Self::FinalPoly => "final_poly",
        }
    }
}

/// A verdict against the proof; `detail` says where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub reason: Reason,
    pub detail: String,
}

pub type Checked<T> = Result<T, Rejected>;

pub fn rejected(reason: Reason, detail: impl Into<String>) -> Rejected {
    Rejected {
        reason,
        detail: detail.into(),
    }
}

pub fn require(holds: bool, reason: Reason, detail: &'static str) -> Checked<()> {
    if holds {
        Ok(())
    } else {
        Err(rejected(reason, detail))
    }
}

/// The item at `index`. The key's checks keep every index in range; if one did not, the key is at fault.
pub fn at<T>(items: &[T], index: usize) -> Checked<&T> {
    items
        .get(index)
        .ok_or_else(|| rejected(Reason::Vk, "an index is out of range"))
}
