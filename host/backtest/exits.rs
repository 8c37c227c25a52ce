//! Exits of a task: stop loss, take profit and trailing stop as parameters beside those of a strategy.
//!
//! Never closes a position: the broker does.

use std::borrow::Cow;

use super::SetupError;
use crate::{
    broker::Exits,
    model::{Description, ParamSpec, Params, Value},
};

/// An exit by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// At a distance from the entry, against the position.
    StopLoss,
    /// At a distance from the entry, in favour of the position.
    TakeProfit,
    /// At a distance behind the best price since the entry.
    TrailingStop,
}

impl ExitKind {
    /// Every exit, in the order of columns.
    pub const ALL: [Self; 3] = [Self::StopLoss, Self::TakeProfit, Self::TrailingStop];

    /// The exit called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name of its column and of its axis in a grid.
    pub fn name(self) -> &'static str {
        match self {
            Self::StopLoss => "stop_loss",
            Self::TakeProfit => "take_profit",
            Self::TrailingStop => "trailing_stop",
        }
    }

    /// The parameter that it is for a task.
    fn spec(self) -> ParamSpec {
        /// The largest stop: at 1, its price would be 0.
        const LARGEST: f64 = 0.9999;
        /// The largest profit, beyond which nobody waits for one.
        const FARTHEST: f64 = 1e6;
        let (doc, maximum) = match self {
            Self::StopLoss => ("exit of the account: share of the entry's price that a position may lose", LARGEST),
            Self::TakeProfit => {
                ("exit of the account: share of the entry's price that a position is to gain", FARTHEST)
            }
            Self::TrailingStop => {
                ("exit of the account: share of the best price since the entry that a position may lose", LARGEST)
            }
        };
        ParamSpec {
            name: self.name().to_owned(),
            doc: doc.to_owned(),
            default: Value::Number(0.0),
            minimum: Some(0.0),
            maximum: Some(maximum),
            choices: Vec::new(),
        }
    }

    fn field(self, exits: &mut Exits) -> &mut f64 {
        match self {
            Self::StopLoss => &mut exits.stop_loss,
            Self::TakeProfit => &mut exits.take_profit,
            Self::TrailingStop => &mut exits.trailing_stop,
        }
    }
}

/// `strategy` with `kinds` as parameters behind its own. Those that it has already as such stay.
///
/// # Errors
///
/// Returns an error if the strategy has a parameter of its own that is called like one of them.
pub fn with_exits<'a>(
    strategy: &'a Description,
    kinds: impl IntoIterator<Item = ExitKind>,
) -> Result<Cow<'a, Description>, SetupError> {
    let mut described = Cow::Borrowed(strategy);
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|kind| *kind as usize);
    for spec in kinds.into_iter().map(ExitKind::spec) {
        match described.parameters.iter().find(|own| own.name == spec.name) {
            // Results keep no documentation.
            Some(own) if *own == (ParamSpec { doc: own.doc.clone(), ..spec.clone() }) => {}
            Some(_) => return Err(SetupError::OwnExit { name: strategy.name.clone(), exit: spec.name }),
            None => described.to_mut().parameters.push(spec),
        }
    }
    Ok(described)
}

/// The parameters of a task that are those of its strategy, which declares `declared` of them, and the exits that are given
/// behind them.
pub(super) fn split(params: &Params, declared: usize) -> (Cow<'_, Params>, Exits) {
    let mut exits = Exits::default();
    if params.len() <= declared {
        return (Cow::Borrowed(params), exits);
    }
    let mut own = params.clone();
    for (name, value) in params.iter().skip(declared) {
        if let (Some(kind), Some(share)) = (ExitKind::named(name), value.as_f64()) {
            *kind.field(&mut exits) = share;
            own.shift_remove(name);
        }
    }
    (Cow::Owned(own), exits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backtest::{Mode, Strategy},
        model::Targets,
    };

    fn strategy(parameters: Vec<ParamSpec>) -> Strategy {
        Strategy::native("plain", parameters, |_, _| Ok(Targets::default()))
    }

    #[test]
    fn exits_stand_behind_the_parameters_of_a_strategy_and_only_those() {
        let lookback = ParamSpec { name: "lookback".into(), ..ExitKind::StopLoss.spec() };
        let strategy = strategy(vec![lookback]);
        let dressed = strategy.clone().with_exits([ExitKind::TrailingStop, ExitKind::StopLoss]).unwrap();
        let names: Vec<_> = dressed.description().parameters.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["lookback", "stop_loss", "trailing_stop"]);
        let params: Params =
            names.iter().zip([3.0, 0.02, 0.05]).map(|(name, value)| ((*name).into(), value.into())).collect();
        let (own, exits) = split(&params, 1);
        assert_eq!(*own, strategy.own_of(&own));
        assert_eq!(*own, dressed.own_of(&params));
        assert_eq!(own.keys().collect::<Vec<_>>(), ["lookback"]);
        assert_eq!(exits, Exits { stop_loss: 0.02, take_profit: 0.0, trailing_stop: 0.05 });
        assert_eq!(split(&own, 1), (Cow::Borrowed(&*own), Exits::default()));
    }

    #[test]
    fn a_parameter_of_the_strategy_is_not_an_exit_of_the_account() {
        let own = strategy(vec![ExitKind::TakeProfit.spec()]);
        let error = own.clone().with_exits([ExitKind::TakeProfit]).unwrap_err().to_string();
        assert!(error.starts_with("`plain` has a parameter `take_profit` of its own"), "{error}");
        // Of results, the description has them already, without its documentation.
        let mut described = own.description().clone();
        described.parameters[0].doc.clear();
        assert_eq!(*with_exits(&described, [ExitKind::TakeProfit]).unwrap(), described);
        let orders = Strategy::native_events("orders", Vec::new(), |_, _| unreachable!("it does not start"));
        let error = orders.with_exits([ExitKind::StopLoss]).unwrap().mode(None).unwrap_err().to_string();
        assert!(error.starts_with("`orders` is run by `events` and sends orders of its own"), "{error}");
        assert_eq!(own.with_exits([ExitKind::StopLoss]).unwrap().mode(None), Ok(Mode::Signals));
    }
}
