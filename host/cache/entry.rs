//! The bytes of an entry: what it claims to be, the proof, and the payload.
//!
//! Never touches a file.
//!
//! | bytes | content |
//! |---|---|
//! | 0..16 | `host cache 1`, then zeros: the version of this layout |
//! | 16..20 | the bucket's format, little endian as all numbers |
//! | 24..32 | the payload's length in bytes |
//! | 32..64 | the key |
//! | 64..96 | the keyed hash of the bytes 0..64, the bucket's name after its length, and the payload |
//! | 96..128 | zeros |
//! | 128.. | the payload |
//!
//! Every byte of the header has one right value, and all are compared.

use super::{
    key::{Bucket, Key},
    secret::Secret,
};

/// The length of what precedes the payload, in bytes.
pub(super) const HEADER: usize = 128;

/// The length of what an entry claims to be, in bytes.
const CLAIM: usize = 64;

/// The end of the hash, in bytes.
const PROVEN: usize = CLAIM + blake3::OUT_LEN;

const LAYOUT: &[u8; 12] = b"host cache 1";

/// Returns the header of an entry.
pub(super) fn seal(secret: &Secret, bucket: Bucket, key: &Key, payload: &[u8]) -> [u8; HEADER] {
    let claim = claim(bucket, key, payload.len() as u64);
    let mut header = [0; HEADER];
    header[..CLAIM].copy_from_slice(&claim);
    header[CLAIM..PROVEN].copy_from_slice(proof(secret, &claim, bucket, payload).as_bytes());
    header
}

/// Whether the header claims to be of this entry, with a payload of `length` bytes. Anyone can claim that.
pub(super) fn names(header: &[u8; HEADER], bucket: Bucket, key: &Key, length: u64) -> bool {
    header[..CLAIM] == claim(bucket, key, length) && header[PROVEN..] == [0; HEADER - PROVEN]
}

/// Whether the payload was sealed, with this claim and into this bucket, by someone who knows the secret.
pub(super) fn is_genuine(secret: &Secret, header: &[u8; HEADER], bucket: Bucket, payload: &[u8]) -> bool {
    // Two hashes are compared in constant time: how long a forgery takes to be refused says nothing about the right one.
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
