//! The format of a cache entry: header, keyed hash, payload.
//!
//! Never touches a file.
//!
//! | bytes | content |
//! |---|---|
//! | 0..16 | `host cache 1`, then zeros: the version of this format |
//! | 16..20 | the bucket's format, little-endian like all numbers |
//! | 24..32 | the payload's length in bytes |
//! | 32..64 | the key |
//! | 64..96 | the keyed hash of the bytes 0..64, the bucket's name after its length, and the payload |
//! | 96..128 | zeros |
//! | 128.. | the payload |
//!
//! Every byte of the header has exactly one valid value, and a reader compares all of them.

use super::{
    key::{Bucket, Key},
    secret::Secret,
};

/// The length of the header, in bytes.
pub(super) const HEADER: usize = 128;

/// The length of the claim (format, bucket, length and key), in bytes.
const CLAIM: usize = 64;

/// The position after the keyed hash, in bytes.
const PROVEN: usize = CLAIM + blake3::OUT_LEN;

const LAYOUT: &[u8; 12] = b"host cache 1";

/// Returns the header for `payload`, with its keyed hash.
pub(super) fn seal(secret: &Secret, bucket: Bucket, key: &Key, payload: &[u8]) -> [u8; HEADER] {
    let claim = claim(bucket, key, payload.len() as u64);
    let mut header = [0; HEADER];
    header[..CLAIM].copy_from_slice(&claim);
    header[CLAIM..PROVEN].copy_from_slice(proof(secret, &claim, bucket, payload).as_bytes());
    header
}

/// Whether the header claims this entry, with a payload of `length` bytes. A claim proves nothing yet.
pub(super) fn names(header: &[u8; HEADER], bucket: Bucket, key: &Key, length: u64) -> bool {
    header[..CLAIM] == claim(bucket, key, length) && header[PROVEN..] == [0; HEADER - PROVEN]
}

/// Whether someone who knows the secret sealed this payload with this claim for this bucket.
pub(super) fn is_genuine(secret: &Secret, header: &[u8; HEADER], bucket: Bucket, payload: &[u8]) -> bool {
    // blake3 compares hashes in constant time, so the time of a refusal tells a forger nothing about the right hash.
    blake3::Hash::from_slice(&header[CLAIM..PROVEN])
        .is_ok_and(|found| found == proof(secret, &header[..CLAIM], bucket, payload))
}

fn claim(bucket: Bucket, key: &Key, length: u64) -> [u8; CLAIM] {
    let mut claim = [0; CLAIM];
    claim[..LAYOUT.len()].copy_from_slice(LAYOUT);
    claim[16..20].copy_from_slice(&bucket.format.to_le_bytes());
    claim[24..32].copy_from_slice(&length.to_le_bytes());
    claim[32..].copy_from_slice(key.as_bytes());
    claim
}

fn proof(secret: &Secret, claim: &[u8], bucket: Bucket, payload: &[u8]) -> blake3::Hash {
    let mut hasher = secret.hasher();
    hasher.update(claim);
    hasher.update(&(bucket.name.len() as u64).to_le_bytes());
    hasher.update(bucket.name.as_bytes());
    hasher.update(payload);
    hasher.finalize()
}
