//! Makes a component of a core module, so that an author needs no tool but a compiler.
//!
//! Never runs it.

use wit_component::ComponentEncoder;

use super::check::{PluginError, check};

/// Why a core module does not become a component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The bytes are a component already.
    #[error("this is a component already; run it as it is")]
    AlreadyComponent,
    /// The bytes are no core module.
    #[error("this is not a core WebAssembly module; give what the compiler wrote for `wasm32-unknown-unknown`")]
    NotModule,
    /// The module does not carry, or does not keep, the contract.
    #[error("the module cannot become a component: {0}; is it built with the SDK?")]
    Encode(String),
    /// The component would be none that the host runs.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// Returns the core module `bytes` as a component that the host can run; `name` stands for it in errors.
///
/// The module carries the contract that it was built against in a custom section, as `wit-bindgen` puts it there.
///
/// # Errors
///
/// Returns an error if `bytes` is no core module, or does not fit the contract that it carries.
pub fn pack(name: &str, bytes: &[u8]) -> Result<Vec<u8>, PackError> {
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    if bytes.starts_with(COMPONENT) {
        return Err(PackError::AlreadyComponent);
    }
    if !bytes.starts_with(MODULE) {
        return Err(PackError::NotModule);
    }
    let component = ComponentEncoder::default()
        .validate(true)
        .module(bytes)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| PackError::Encode(format!("{error:#}")))?;
    check(name, &component)?;
    Ok(component)
}
