//! The contract in Rust, as wit-bindgen makes it of `wit/v0.1`, and what that code needs at run time.
//!
//! Holds generated code only, beside `runtime`; what authors use is exported again, with methods, by the root of the crate.
//!
//! Each interface that a plugin can export has a world of its own, so that [`export!`](crate::export) takes just those
//! that a plugin has. Packing joins the worlds that it finds to the one world of the component. The files are committed, so
//! that a project has no generator to compile; a test of the repository keeps them equal to what the generator makes.

mod runtime;

/// Declares generated files.
macro_rules! generated {
    ($($world:ident),*) => {
        $(
            #[allow(
                unreachable_pub,
                unsafe_code,
                clippy::allow_attributes_without_reason,
                clippy::uninlined_format_args,
                reason = "the generator has other lints"
            )]
            #[rustfmt::skip]
            pub mod $world;
        )*
    };
}

generated!(described, events, signals, task);
