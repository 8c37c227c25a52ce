use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    broker::Client,
    model::{Commands, EventKind, OrderRequest, Side},
    task::TaskError,
};

/// Sends at each bar whatever stands in it as numbers.
#[derive(Default)]
struct Parrot(Commands);

impl Client for Parrot {
    type Error = TaskError;

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), TaskError> {
        self.0.submit(OrderRequest { stop: bar.equity, ..OrderRequest::limit(7, Side::Sell, bar.close, bar.position) });
        self.0.bracket(1, bar.equity, bar.position);
        self.0.target(bar.instrument, bar.equity);
        Ok(())
    }

    fn on_time(&mut self, _: i64, equity: f64) -> Result<(), TaskError> {
        self.0.target(0, equity);
        Ok(())
    }

    fn on_fill(&mut self, _: &FillEvent) -> Result<(), TaskError> {
        self.0.push(Command::Mute { event: EventKind::Fill });
        Ok(())
    }

    fn on_reject(&mut self, order: u64, _: RejectReason) -> Result<(), TaskError> {
        self.0.cancel(order);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), TaskError> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.0
    }
}

/// Any finite number, and in one of four cases any at all.
fn number() -> impl Strategy<Value = f64> {
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |number| number.is_finite());
    prop_oneof![3 => finite, 1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0])]
}

fn finite() -> impl Strategy<Value = f64> {
    any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |number| number.is_finite())
}

fn event() -> impl Strategy<Value = Event> {
    let bar = (any::<u32>(), any::<i64>(), [finite(), finite(), finite()], number(), number());
    let bar = bar.prop_map(|(instrument, time, [open, close, volume], position, equity)| {
        Event::Bar(BarEvent { instrument, time, open, high: open, low: close, close, volume, position, equity })
    });
    let time = (any::<i64>(), number()).prop_map(|(time, equity)| Event::Time { time, equity });
    let fill = (any::<u64>(), any::<u32>(), number(), number(), number()).prop_map(
        |(order, instrument, quantity, price, fee)| Event::Fill(FillEvent { order, instrument, quantity, price, fee }),
    );
    let reject = any::<u64>().prop_map(|order| Event::Reject { order, reason: RejectReason::OtherFilled });
    prop_oneof![bar, time, fill, reject, Just(Event::Finish)]
}

fn tell(client: &mut impl Client<Error = TaskError>, event: &Event) {
    match event {
        Event::Bar(bar) => client.on_bar(bar),
        Event::Time { time, equity } => client.on_time(*time, *equity),
        Event::Fill(fill) => client.on_fill(fill),
        Event::Reject { order, reason } => client.on_reject(*order, *reason),
        Event::Finish => client.finish(),
    }
    .unwrap();
}

fn header() -> Header {
    let params = Params::from([("share".to_owned(), crate::model::Value::Number(0.1 + 0.2))]);
    Header::new("parrot", "1", &["A", "\"B\"\n"], &params)
}

/// Tells a parrot `events`; returns the trace, and what it must have as texts, which tell -0 from 0 and show every digit.
fn recorded(events: &[Event]) -> (Vec<u8>, Vec<String>) {
    let (mut out, mut parrot, mut said) = (Vec::new(), Parrot::default(), Vec::new());
    let mut writer = Writer::new(&mut out, &header());
    let mut recorder = Recorder::new(&mut parrot, &mut writer);
    for event in events {
        tell(&mut recorder, event);
        said.push(format!("{:?}", Message::Event(*event)));
        let commands = recorder.commands();
        said.extend(commands.waiting().iter().map(|command| format!("{:?}", Message::Command(*command))));
        commands.clear();
    }
    writer.finish(&["a line\n{".to_owned()], &End { units: Some(7), error: None }).unwrap();
    said.push(format!("{:?}", Message::Log("a line\n{".to_owned())));
    said.push(format!("{:?}", Message::End(End { units: Some(7), error: None })));
    (out, said)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn a_trace_reads_back_to_the_same_bits(events in prop::collection::vec(event(), 0..20)) {
        let (trace, said) = recorded(&events);
        let mut reader = Reader::new(Path::new("trace"), trace.as_slice()).unwrap();
        prop_assert_eq!(reader.header(), &header());
        let mut heard = Vec::new();
        while let Some(message) = reader.message().unwrap() {
            heard.push(format!("{message:?}"));
        }
        prop_assert_eq!(heard, said);
        let mut reader = Reader::new(Path::new("trace"), trace.as_slice()).unwrap();
        let replayed = replay(&mut reader, &mut Parrot::default(), &mut |difference| panic!("{difference:?}")).unwrap();
        prop_assert_eq!(replayed.events, events.len() as u64);
    }

    #[test]
    fn a_cut_trace_is_an_error_wherever_it_is_cut(events in prop::collection::vec(event(), 0..5), at in 0.0..1.0) {
        let (trace, _) = recorded(&events);
        // Without the last line break nothing is lost.
        let cut = &trace[..((trace.len() - 1) as f64 * at) as usize];
        let read = Reader::new(Path::new("trace"), cut).and_then(|mut reader| {
            while reader.message()?.is_some() {}
            Ok(())
        });
        prop_assert!(read.is_err());
    }
}

#[test]
fn what_was_cancelled_is_not_called_rejected() {
    let line = |reason| serde_json::to_string(&Event::Reject { order: 3, reason }).unwrap();
    assert_eq!(
        line(RejectReason::OtherFilled),
        r#"{"event":"reject","order":3,"status":"cancelled","reason":"other-filled"}"#
    );
    assert!(line(RejectReason::Cancelled).contains(r#""status":"cancelled""#));
    assert!(line(RejectReason::Expired).contains(r#""status":"expired""#));
    assert!(line(RejectReason::LotSize).contains(r#""status":"rejected""#));
    // Traces of before have no status.
    let old: Event = serde_json::from_str(r#"{"event":"reject","order":3,"reason":"cancelled"}"#).unwrap();
    assert_eq!(old, Event::Reject { order: 3, reason: RejectReason::Cancelled });
}
