//! The retired words: names that only insiders understand, each with the word of the field that replaces it.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use crate::check::{Fault, check_tree, passes, refuses};
use crate::source::{Source, Token};

/// Where a retired word is refused. Many of them are plain English that other crates use as well: of those only the
/// names that we define are judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// In every identifier and file name of which it is a part, as `told` in `step_told` and in `StepTold`.
    Part,
    /// The same, except in the sentence that names a test, where it has its ordinary meaning.
    PartOfName,
    /// As the whole name of a function, type, constant, module, field, variant or file.
    Name,
    /// As the whole name of a type.
    Type,
    /// As the whole name of a function or of a method.
    Function,
    /// As the whole name of a function outside `impl` and `trait`. A method has its type to explain it.
    FreeFunction,
    /// As the beginning of the name of such a function.
    Beginning,
    /// As the name of a file, folder or module.
    File,
}

use Scope::{Beginning, File, FreeFunction, Function, Name, Part, PartOfName, Type};

/// Words, where they are refused, the folder to which that is limited, and what to use in their place.
const RETIRED: &[(&str, Scope, &str, &str)] = &[
    ("again", PartOfName, "", "replay"),
    ("step steps stepped", Name, "", "transition"),
    ("take note", FreeFunction, "", "apply, record_event"),
    ("news tell tells told teller deed deeds", Part, "", "notice, notify, event, message"),
    ("letter", Type, "", "envelope, message"),
    ("letter letters", File, "", "messages"),
    ("watch", File, "", "subscription, announce"),
    ("rival rivals", Part, "", "competing request"),
    ("kept keeps", PartOfName, "", "retained, policy"),
    ("by", Type, "", "ActedBy"),
    ("hour", Type, "src/domain/", "TimeFacts"),
    ("possible allowed", Function, "", "allowed_actions, action_table"),
    ("outrun outran", Part, "", "lost_race"),
    ("let_go give_up gave_up", PartOfName, "", "release_payment, close_request"),
    ("end", FreeFunction, "", "close_unpaid, or a name that says what ends"),
    ("known", FreeFunction, "", "load"),
    ("taken special", Type, "", "ClaimedNight, NightOverride"),
    ("stay_answer", Type, "", "StayEvaluation"),
    ("answer", Beginning, "", "evaluate"),
    ("claim_more", Part, "", "claim_extra_nights"),
    ("release_more", Part, "", "release_extra_nights"),
    ("move_claims", Part, "", "swap_nights"),
    ("terms change rules kinds", File, "src/domain/listings/", "seasons_and_taxes, validation, row_values, enums"),
    ("door doors", Part, "", "API, handler, entry point"),
    ("sieve sieves weigh weighs", Part, "", "filter, evaluate"),
    ("look looks", PartOfName, "", "check, recheck"),
    ("reach", Name, "src/domain/", "payment status, authorize_or_refresh"),
    ("reach", Type, "", "payment status"),
    ("patience", Part, "", "timeout"),
    ("hand_over handed_over hands_over", PartOfName, "", "release"),
    ("divide owe owes", Function, "", "settle_shares, record_refund_owed"),
    ("once", Type, "", "IdempotencyKey"),
    ("once", Name, "src/platform/", "idempotency"),
    ("spend", Function, "", "record"),
    ("ear ears hear hears", Part, "", "subscription, handler"),
    ("heard", PartOfName, "", "received, handle"),
    ("beat beats farewell", Part, "", "heartbeat, goodbye"),
    ("meter", Type, "", "QueryStats"),
    ("word", Function, "src/", "as_str"),
    ("call named ask", Type, "", "GraphqlRequest, ResolvedQuery, RequestContext"),
    ("shown split", FreeFunction, "", "to_graphql_error, into_payload"),
    ("sealed", Part, "", "with_request_id"),
    ("accept guard media failure", File, "src/server/", "listener, failure_layer, content_negotiation, rejection"),
    ("bucket windowed paging", File, "src/platform/", "token_bucket, top_n_per_group, keyset"),
    ("operate keys peers", File, "src/platform/", "admin, signing, cluster"),
    ("of read key state", FreeFunction, "", "a verb and a noun, such as `page_of_bookings`"),
    ("things sight scenes", File, "tests/", "fixtures, views, scenarios"),
];

/// Names of the public schema, which stay.
const PUBLIC: &[&str] = &["would_host_again", "host_keeps", "platform_keeps", "tax_kept"];

/// A retired word between underscores.
struct Retired {
    word: String,
    scope: Scope,
    folder: &'static str,
    instead: &'static str,
}

/// The retired words by the part of a name with which they begin.
static WORDS: LazyLock<HashMap<&str, Vec<Retired>>> = LazyLock::new(|| {
    let mut all: HashMap<&str, Vec<Retired>> = HashMap::new();
    for &(words, scope, folder, instead) in RETIRED {
        for word in words.split(' ') {
            let first = word.split('_').next().unwrap_or(word);
            all.entry(first).or_default().push(Retired { word: format!("_{word}_"), scope, folder, instead });
        }
    }
    all
});

/// What a name is the name of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    FreeFunction,
    Method,
    Type,
    Module,
    /// A constant, field or variant.
    Other,
    /// A parameter, a variable, or what is defined elsewhere.
    Mention,
}

/// The retired words in the names of one file, each name once, with the line where it stands first.
fn words(source: &Source) -> Vec<Fault> {
    let mut lines = BTreeMap::new();
    for (line, name, kind) in names(&source.tokens()) {
        lines.entry((name, kind)).or_insert(line);
    }
    let mut found = BTreeMap::new();
    for name in source.path.trim_end_matches(".rs").split('/') {
        found.extend(judge(name, Kind::Module, &source.path).map(|reason| ((0, name), reason)));
    }
    for ((name, kind), line) in lines {
        found.extend(judge(name, kind, &source.path).map(|reason| ((line, name), reason)));
    }
    found.into_iter().map(|((line, _), reason)| (line, reason)).collect()
}

fn judge(name: &str, kind: Kind, path: &str) -> Option<String> {
    let snake = snake_case(name);
    if PUBLIC.contains(&&snake[1..snake.len() - 1]) {
        return None;
    }
    let is_sentence = kind == Kind::FreeFunction && snake.matches('_').count() > 5;
    let is_refused = |retired: &Retired| match retired.scope {
        Part => true,
        PartOfName => !is_sentence,
        Name => kind != Kind::Mention,
        Type => kind == Kind::Type,
        Function => matches!(kind, Kind::FreeFunction | Kind::Method),
        FreeFunction | Beginning => kind == Kind::FreeFunction,
        File => kind == Kind::Module,
    };
    let stands_in = |retired: &Retired| match retired.scope {
        Part | PartOfName => snake.contains(&retired.word),
        Beginning => snake.starts_with(&retired.word) && snake != retired.word,
        _ => snake == retired.word,
    };
    let mut words = snake.split('_').filter_map(|part| WORDS.get(part)).flatten();
    let retired =
        words.find(|retired| path.starts_with(retired.folder) && is_refused(retired) && stands_in(retired))?;
    Some(format!("`{name}`: `{}` is a retired word. Use: {}", retired.word.trim_matches('_'), retired.instead))
}

/// `StepTold` and `STEP_TOLD` as `_step_told_`. To look something up is not to look.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 6);
    snake.push('_');
    let mut previous = '_';
    for c in name.chars() {
        if c.is_uppercase() && (previous.is_lowercase() || previous.is_numeric()) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        previous = c;
    }
    snake.push('_');
    if snake.contains("_look_up_") { snake.replace("_look_up_", "_lookup_") } else { snake }
}

/// Every name of the code, and what it is the name of.
fn names<'a>(tokens: &[Token<'a>]) -> Vec<(usize, &'a str, Kind)> {
    let text = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.1);
    let (mut names, mut blocks, mut opening) = (Vec::new(), Vec::new(), Block::Other);
    for (at, &(line, name)) in tokens.iter().enumerate() {
        let (previous, next) = (text(at.checked_sub(1)), text(Some(at + 1)));
        match name {
            "{" => blocks.push(std::mem::replace(&mut opening, Block::Other)),
            "}" => drop(blocks.pop()),
            "impl" if matches!(previous, "" | "}" | ";" | "]" | "{" | "unsafe") => opening = Block::Methods,
            "trait" => opening = Block::Methods,
            "struct" | "enum" | "union" => opening = Block::Fields,
            ";" | "fn" => opening = Block::Other,
            _ => {}
        }
        if name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let is_literal_type = matches!(text(at.checked_sub(2)), "'" | "*");
            let kind = match (previous, blocks.last()) {
                ("fn", Some(Block::Methods)) => Kind::Method,
                ("fn", _) => Kind::FreeFunction,
                ("struct" | "enum" | "union" | "trait" | "type", _) => Kind::Type,
                ("mod", _) => Kind::Module,
                ("const" | "static", _) if !is_literal_type => Kind::Other,
                (previous, Some(Block::Fields)) if previous != ":" && matches!(next, ":" | "," | "(" | "{" | "}") => {
                    Kind::Other
                }
                _ => Kind::Mention,
            };
            names.push((line, name, kind));
        }
    }
    names
}

/// What a brace opens.
#[derive(Clone, Copy)]
enum Block {
    Methods,
    Fields,
    Other,
}

#[test]
fn no_retired_word_is_a_name() {
    check_tree(words);
}

#[test]
fn a_word_without_another_sense_is_refused_in_every_name() {
    refuses(words, "src/a.rs", &["fn step_told() {}", "struct StepTold;", "const TOLD_AT: u8 = 1;", "let told = 1;"]);
    refuses(
        words,
        "src/a.rs",
        &["b.news()", "use super::news;", "rival: u8", "fn a_guest_is_told_of_the_booking() {}"],
    );
    refuses(words, "src/news/a.rs", &["b();"]);
    passes(words, "src/a.rs", "// It told the news.\nlet newsletter = \"told\";\nlook_up(b);");
}

#[test]
fn a_word_of_plain_english_is_refused_only_where_we_define_it() {
    refuses(words, "src/a.rs", &["fn take() {}", "pub async fn read() {}", "struct By;", "enum B { Step, C }"]);
    refuses(
        words,
        "src/a.rs",
        &["struct B { step: u8 }", "mod watch;", "impl B { fn word(&self) {} }", "fn look() {}"],
    );
    refuses(words, "src/a.rs", &["mod b { fn of() {} }", "fn b(c: impl D) { fn key() {} }"]);
    passes(words, "src/a.rs", "b.take(3).read(|step| step.end);\nuse tokio::sync::watch;\nuse std::sync::Once;");
    passes(words, "src/a.rs", "impl B {\n    fn read(&self) {}\n}\ntrait C {\n    fn key(&self) {\n    }\n}");
    passes(words, "tests/a.rs", "fn nights_that_were_kept_are_free_again() {}");
}

#[test]
fn a_file_name_is_refused_in_its_folder() {
    refuses(words, "src/domain/listings/rules.rs", &["b();"]);
    refuses(words, "src/server/accept.rs", &["b();"]);
    passes(words, "src/domain/bookings/actions/accept.rs", "b();");
    passes(words, "src/graphql/a.rs", "fn host_keeps() {}");
}

#[test]
fn every_retired_word_has_a_replacement_that_is_not_retired_itself() {
    for (words, _, _, instead) in RETIRED {
        for word in
            instead.split([',', ' ', '`']).filter(|word| word.contains('_') || word.contains(char::is_uppercase))
        {
            assert_eq!(judge(word, Kind::FreeFunction, "src/a.rs"), None, "{words}");
        }
    }
}
