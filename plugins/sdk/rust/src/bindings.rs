//! What wit-bindgen makes of the contract in `wit/`.
//!
//! Holds generated code only; what authors use is exported again, with methods, by the root of the crate.
//!
//! Each interface that a plugin can export has a world of its own, so that [`export!`](crate::export) takes just those
//! that a plugin has. Packing joins the worlds that it finds to the one world of the component.

pub mod described {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package backtest:sdk;
            world described {
                import backtest:strategy/host@0.1.0;
                export backtest:strategy/metadata@0.1.0;
            }
        ",
        world: "backtest:sdk/described",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub mod signals {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package backtest:sdk; world signals { export backtest:strategy/signals@0.1.0; }",
        world: "backtest:sdk/signals",
        pub_export_macro: true,
        with: { "backtest:strategy/types@0.1.0": crate::bindings::described::backtest::strategy::types },
        generate_all,
    });
}

pub mod events {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package backtest:sdk;
            world events {
                import backtest:strategy/broker@0.1.0;
                export backtest:strategy/events@0.1.0;
            }
        ",
        world: "backtest:sdk/events",
        pub_export_macro: true,
        with: { "backtest:strategy/types@0.1.0": crate::bindings::described::backtest::strategy::types },
        generate_all,
    });
}

pub mod task {
    wit_bindgen::generate!({
        path: "wit",
        inline: "package backtest:sdk; world task { export backtest:strategy/task@0.1.0; }",
        world: "backtest:sdk/task",
        pub_export_macro: true,
        with: { "backtest:strategy/types@0.1.0": crate::bindings::described::backtest::strategy::types },
        generate_all,
    });
}
