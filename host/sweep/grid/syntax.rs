//! The parser of expressions: text to tree.
//!
//! Never evaluates, and never recurses deeper than [`DEPTH`], whatever the text.

use super::ast::{Node, Operator, Term};
use crate::model::Value;

/// How deep parentheses and prefixes may nest: far beyond what people write, and safe on a small stack.
const DEPTH: usize = 64;

/// The most operators in a text: `1+1+1+...` is a tree as deep as it has operators.
const OPERATORS: usize = 256;

/// The longest text, in bytes.
const LENGTH: usize = 4096;

/// How tightly `not` binds: below comparisons, above `and`.
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const NEGATE: u8 = 7;

/// A syntax error, and its position in bytes.
#[derive(Debug)]
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) problem: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Literal(Value),
    Name(String),
    Symbol(&'static str),
    End,
}

/// Symbols and their meaning; a longer symbol comes before its own prefix.
const SYMBOLS: [(&str, &str); 22] = [
    ("&&", "and"),
    ("||", "or"),
    ("==", "=="),
    ("!=", "!="),
    ("<=", "<="),
    (">=", ">="),
    ("<", "<"),
    (">", ">"),
    ("!", "not"),
    ("+", "+"),
    ("-", "-"),
    ("*", "*"),
    ("/", "/"),
    ("%", "%"),
    ("(", "("),
    (")", ")"),
    ("[", "["),
    ("]", "]"),
    (",", ","),
    ("=", "="),
    ("&", "&"),
    ("|", "|"),
];

/// Returns the tree of `text`, and the names in it, each once.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<String>), Flaw> {
    if text.len() > LENGTH {
        return Err(Flaw { at: LENGTH, problem: format!("longer than {LENGTH} bytes; split it into several") });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0, operators: 0, names: Vec::new() };
    let root = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok((root, parser.names)),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Flaw> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (mut token, mut length) = token(&text[at..], first).map_err(|problem| Flaw { at, problem })?;
        if let Some((share, percent)) = share(&text[at..], (&token, length)) {
            (token, length) = (Token::Literal(Value::Number(share)), percent);
        }
        tokens.push((at, token));
        at += length;
    }
    tokens.push((at, Token::End));
    Ok(tokens)
}

/// Returns the first token of `rest`, which starts with `first`, and its length in bytes.
fn token(rest: &str, first: char) -> Result<(Token, usize), String> {
    if first.is_ascii_digit() || first == '.' {
        return number(rest);
    }
    if first.is_alphabetic() || first == '_' {
        let name = word(rest);
        return Ok((keyword(name), name.len()));
    }
    if first == '\'' || first == '"' {
        let inner = &rest[1..];
        let length = inner.find(first).ok_or_else(|| format!("the text has no closing {first}"))?;
        return Ok((Token::Literal(Value::Text(inner[..length].to_owned())), length + 2));
    }
    let (symbol, meaning) =
        SYMBOLS.iter().find(|(symbol, _)| rest.starts_with(symbol)).ok_or_else(|| format!("unexpected `{first}`"))?;
    Ok((Token::Symbol(meaning), symbol.len()))
}

/// The bytes up to the end of a percent sign at the start of `rest`, which follows a literal; `None` if there is none. Before
/// an operand the sign divides: `20 % fast`.
fn percent_sign(rest: &str) -> Option<usize> {
    let behind = rest.trim_start().strip_prefix('%')?;
    let next = behind.trim_start();
    let is_operand = match next.chars().next() {
        Some('-') => !(rest.starts_with('%') && behind.starts_with(char::is_whitespace)),
        Some(first) if first.is_alphabetic() => !matches!(word(next), "and" | "or" | "in"),
        Some(first) => first.is_ascii_digit() || matches!(first, '.' | '_' | '(' | '\'' | '"'),
        None => false,
    };
    (!is_operand).then(|| rest.len() - behind.len())
}

/// The share at the start of `rest` and its length in bytes, if the first token, of so many bytes, is a number and a percent
/// sign follows.
fn share(rest: &str, (token, length): (&Token, usize)) -> Option<(f64, usize)> {
    let Token::Literal(Value::Integer(_) | Value::Number(_)) = token else { return None };
    let (number, behind) = rest.split_at(length);
    let sign = percent_sign(behind)?;
    // The exponent keeps what a division would round; a number that has one is divided.
    let exact = format!("{number}e-2").parse().ok();
    let share = exact.or_else(|| Some(number.parse::<f64>().ok()? / 100.0))?;
    Some((share, length + sign))
}

fn word(rest: &str) -> &str {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    &rest[..end]
}

fn keyword(name: &str) -> Token {
    match name {
        "and" => Token::Symbol("and"),
        "or" => Token::Symbol("or"),
        "not" => Token::Symbol("not"),
        "in" => Token::Symbol("in"),
        "true" => Token::Literal(Value::Boolean(true)),
        "false" => Token::Literal(Value::Boolean(false)),
        name => Token::Name(name.to_owned()),
    }
}

fn number(rest: &str) -> Result<(Token, usize), String> {
    let mut previous = ' ';
    let end = rest.find(|c: char| {
        let exponent = matches!(previous, 'e' | 'E') && matches!(c, '+' | '-');
        previous = c;
        !(c.is_alphanumeric() || c == '.' || c == '_' || exponent)
    });
    let text = &rest[..end.unwrap_or(rest.len())];
    let value = match text.parse::<i64>() {
        Ok(value) => Value::Integer(value),
        Err(_) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Value::Number(value),
            _ => return Err(format!("`{text}` is not a number")),
        },
    };
    Ok((Token::Literal(value), text.len()))
}

/// The operator that a symbol stands for, and how tightly it binds.
fn operator(symbol: &str) -> Option<(Operator, u8)> {
    Some(match symbol {
        "or" => (Operator::Or, 1),
        "and" => (Operator::And, 2),
        "==" => (Operator::Equal, COMPARISON),
        "!=" => (Operator::NotEqual, COMPARISON),
        "<" => (Operator::Less, COMPARISON),
        "<=" => (Operator::LessEqual, COMPARISON),
        ">" => (Operator::Greater, COMPARISON),
        ">=" => (Operator::GreaterEqual, COMPARISON),
        "+" => (Operator::Add, 5),
        "-" => (Operator::Subtract, 5),
        "*" => (Operator::Multiply, 6),
        "/" => (Operator::Divide, 6),
        "%" => (Operator::Remainder, 6),
        _ => return None,
    })
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    operators: usize,
    names: Vec<String>,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, token)| token)
    }

    /// Where the next token starts, in bytes.
    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |(at, _)| *at)
    }

    fn take(&mut self, symbol: &'static str) -> bool {
        let found = *self.peek() == Token::Symbol(symbol);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), Flaw> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn unexpected(&self, wanted: &str) -> Flaw {
        let found = match self.peek() {
            Token::Symbol("=") => "`=` (equality is `==`)".to_owned(),
            Token::Symbol("&") => "`&` (both is `and` or `&&`)".to_owned(),
            Token::Symbol("|") => "`|` (either is `or` or `||`)".to_owned(),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::Name(name) => format!("`{name}`"),
            Token::Literal(Value::Text(text)) => format!("'{text}'"),
            Token::Literal(value) => format!("`{value}`"),
            Token::End => "the end".to_owned(),
        };
        Flaw { at: self.at(), problem: format!("expected {wanted}, found {found}") }
    }

    /// Reads operands and the operators between them that bind at least as tightly as `least`.
    fn expression(&mut self, least: u8) -> Result<Node, Flaw> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Flaw { at: self.at(), problem: format!("nested deeper than {DEPTH} levels") });
        }
        let mut left = self.operand()?;
        while let Token::Symbol(symbol) = *self.peek() {
            left = if symbol == "in" && COMPARISON >= least {
                self.membership(left)?
            } else if let Some((operator, binds)) = operator(symbol).filter(|(_, binds)| *binds >= least) {
                self.count_operator()?;
                self.next += 1;
                let right = self.expression(binds + 1)?;
                self.refuse_chain(binds)?;
                Node { at: left.at, term: Term::Binary(operator, Box::new([left, right])) }
            } else {
                break;
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn count_operator(&mut self) -> Result<(), Flaw> {
        self.operators += 1;
        if self.operators <= OPERATORS {
            return Ok(());
        }
        Err(Flaw { at: self.at(), problem: format!("more than {OPERATORS} operators; split it into several") })
    }

    /// `1 < a < 5` would compare a condition with a number.
    fn refuse_chain(&self, binds: u8) -> Result<(), Flaw> {
        let Token::Symbol(symbol) = *self.peek() else {
            return Ok(());
        };
        let again = operator(symbol).is_some_and(|(_, next)| next == COMPARISON);
        if binds != COMPARISON || !again {
            return Ok(());
        }
        let problem = "comparisons do not chain; write `1 < a and a < 5` for `1 < a < 5`".to_owned();
        Err(Flaw { at: self.at(), problem })
    }

    fn membership(&mut self, item: Node) -> Result<Node, Flaw> {
        self.count_operator()?;
        self.expect("in")?;
        self.expect("[")?;
        let mut list = Vec::new();
        while !self.take("]") {
            if !list.is_empty() {
                self.expect(",")?;
            }
            list.push(self.expression(0)?);
        }
        Ok(Node { at: item.at, term: Term::In(Box::new(item), list) })
    }

    fn operand(&mut self) -> Result<Node, Flaw> {
        let at = self.at();
        let term = match self.peek().clone() {
            Token::Literal(value) => {
                self.next += 1;
                Term::Literal(value)
            }
            Token::Name(name) => {
                self.next += 1;
                Term::Name(self.place_of(name))
            }
            Token::Symbol("(") => {
                self.next += 1;
                let inner = self.expression(0)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Symbol("not") => {
                self.next += 1;
                Term::Not(Box::new(self.expression(NOT)?))
            }
            Token::Symbol("-") => {
                self.next += 1;
                Term::Negate(Box::new(self.expression(NEGATE)?))
            }
            _ => return Err(self.unexpected("a name, a value or `(`")),
        };
        Ok(Node { at, term })
    }

    fn place_of(&mut self, name: String) -> usize {
        self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }
}
