//! Walks the schema by introspection and builds an operation for every field that can be read below a list, so that a
//! test of all of them needs no list of names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use crate::client::Anonymous;
use crate::harness::TestApp;
use crate::scenarios::text;

const INTROSPECTION: &str = "{ __schema { types { kind name interfaces { name } possibleTypes { name } \
    fields { name args { name description defaultValue type { ...T } } type { ...T } } \
    inputFields { name defaultValue type { ...T } } enumValues { name } } } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// The types of the served schema.
pub struct Schema {
    types: BTreeMap<String, Type>,
}

struct Type {
    kind: String,
    interfaces: Vec<String>,
    possible: Vec<String>,
    fields: Vec<Field>,
    inputs: Vec<Argument>,
    values: Vec<String>,
}

/// A field of an object type.
#[derive(Clone)]
pub struct Field {
    pub name: String,
    pub args: Vec<Argument>,
    /// The type without lists and non-null.
    pub of: String,
}

/// An argument, or a field of an input type.
#[derive(Clone)]
pub struct Argument {
    pub name: String,
    pub description: Option<String>,
    of: String,
    is_list: bool,
    is_required: bool,
}

/// The list below which a field is read.
#[derive(Clone, Debug)]
enum Rows {
    /// The objects of this type with the IDs of the variable `ids`.
    Nodes(String),
    /// The edges of a connection of the query or the viewer, of which the variable `first` requests so many. The text
    /// before and after them.
    Edges(String, String),
}

/// A place in an operation, below a list, where the fields of one type can be read.
#[derive(Clone, Debug)]
pub struct Place {
    rows: Rows,
    /// The type whose fields are read.
    pub on: String,
    /// The field that leads here, such as `Booking.events`.
    pub entered_by: String,
    /// The selections from the items of the list to this place.
    open: String,
    depth: usize,
}

impl Schema {
    pub async fn load(app: &TestApp) -> Schema {
        let data = app.gql(&Anonymous, INTROSPECTION, json!({})).await;
        let types = items(&data["__schema"], "types").filter(|of| !text(of, "/name").starts_with("__"));
        Schema { types: types.map(|of| (text(of, "/name"), Type::of(of))).collect() }
    }

    fn get(&self, name: &str) -> &Type {
        self.types.get(name).unwrap_or_else(|| panic!("no type {name}"))
    }

    /// The object types with their fields, without the roots of mutations and subscriptions.
    pub fn objects(&self) -> impl Iterator<Item = (&str, &[Field])> {
        let objects = self.types.iter().filter(|(_, of)| of.kind == "OBJECT");
        let read = objects.filter(|(name, _)| !["Mutation", "Subscription"].contains(&name.as_str()));
        read.map(|(name, of)| (name.as_str(), of.fields.as_slice()))
    }

    fn fields(&self, of: &str) -> &[Field] {
        &self.get(of).fields
    }

    pub fn is_node(&self, of: &str) -> bool {
        self.get(of).interfaces.iter().any(|name| name == "Node")
    }

    pub fn is_leaf(&self, of: &str) -> bool {
        matches!(self.get(of).kind.as_str(), "SCALAR" | "ENUM")
    }

    /// Whether some object of this type has an ID.
    pub fn can_be_node(&self, of: &str) -> bool {
        self.is_node(of) || self.get(of).possible.iter().any(|name| self.is_node(name))
    }

    /// The object types with an ID.
    pub fn nodes(&self) -> Vec<&str> {
        self.get("Node").possible.iter().map(String::as_str).collect()
    }

    /// The value of an argument in the text of an operation. None for IDs, which the schema does not give.
    fn literal(&self, argument: &Argument, dates: &mut u32) -> Option<String> {
        let of = self.get(&argument.of);
        let value = match (argument.of.as_str(), of.kind.as_str()) {
            ("ID", _) => return None,
            ("Int" | "MinorUnits", _) => "1".into(),
            ("Float", _) => "1.5".into(),
            ("Boolean", _) => "true".into(),
            ("Date", _) => {
                *dates += 3;
                format!("\"2027-03-{:02}\"", *dates)
            }
            ("CurrencyCode", _) => "\"USD\"".into(),
            (_, "ENUM") => of.values.first()?.clone(),
            (_, "INPUT_OBJECT") => {
                let required = of.inputs.iter().filter(|input| input.is_required);
                let given = required.map(|input| Some(format!("{}: {}", input.name, self.literal(input, dates)?)));
                format!("{{{}}}", given.collect::<Option<Vec<_>>>()?.join(", "))
            }
            _ => "\"x\"".into(),
        };
        Some(if argument.is_list { format!("[{value}]") } else { value })
    }

    /// The arguments of a field that are required, and `more`. None if one of them is an ID.
    fn arguments(&self, field: &Field, more: Option<&str>) -> Option<String> {
        let mut dates = 0;
        let required = field.args.iter().filter(|argument| argument.is_required);
        let given =
            required.map(|argument| Some(format!("{}: {}", argument.name, self.literal(argument, &mut dates)?)));
        let given: Vec<String> = given.chain(more.map(|more| Some(more.to_owned()))).collect::<Option<_>>()?;
        Some(if given.is_empty() { String::new() } else { format!("({})", given.join(", ")) })
    }

    /// A field with its required arguments and this selection. At most two items, if it says how many. None if the
    /// schema does not give an argument.
    pub fn select(&self, field: &Field, selection: &str) -> Option<String> {
        let arguments = self.arguments(field, field.takes("first").then_some("first: 2"))?;
        let selection = if self.is_leaf(&field.of) { String::new() } else { format!(" {{ {selection} }}") };
        Some(format!("{}{arguments}{selection}", field.name))
    }

    /// A connection with these arguments for the page. None if the schema does not give another argument.
    pub fn select_page(&self, field: &Field, page: &str, selection: &str) -> Option<String> {
        Some(format!("{}{} {{ {selection} }}", field.name, self.arguments(field, Some(page))?))
    }

    /// All places below the list of objects of this type that are not below another object with an ID: its fields, and
    /// those of its parts.
    pub fn places_in(&self, node: &str) -> Vec<Place> {
        self.parts(Place {
            rows: Rows::Nodes(node.into()),
            on: node.into(),
            entered_by: node.into(),
            open: String::new(),
            depth: 0,
        })
    }

    /// All connections of the query and of the viewer, as places on their edges.
    pub fn root_connections(&self) -> Vec<Place> {
        let of_root = |root: &str, before: &str, after: &str| {
            let connections = self.fields(root).iter().filter(|field| field.is_connection());
            let place = connections.filter_map(|field| {
                let arguments = self.arguments(field, Some("first: $first"))?;
                let edge = self.fields(&field.of).iter().find(|field| field.name == "edges")?;
                Some(Place {
                    rows: Rows::Edges(format!("{before} rows: {}{arguments} {{", field.name), format!("}} {after}")),
                    on: edge.of.clone(),
                    entered_by: format!("{root}.{}", field.name),
                    open: String::new(),
                    depth: 0,
                })
            });
            place.collect::<Vec<_>>()
        };
        [of_root("Query", "", ""), of_root("Viewer", "viewer {", "}")].concat()
    }

    /// A place and those of its parts: types without an ID, except for edges, whose nodes are read elsewhere.
    pub fn parts(&self, start: Place) -> Vec<Place> {
        let (mut places, mut queue) = (Vec::new(), VecDeque::from([start]));
        let mut seen = BTreeSet::new();
        while let Some(place) = queue.pop_front() {
            for field in self.fields(&place.on) {
                let of = self.get(&field.of);
                let coordinate = format!("{}.{}", place.on, field.name);
                let is_part = of.kind == "OBJECT" && !self.is_node(&field.of) && place.depth < 6;
                let Some(arguments) = self.arguments(field, field.takes("first").then_some("first: 2")) else {
                    continue;
                };
                // A connection is entered through each field that has it, because each counts in its own way.
                if is_part && seen.insert(coordinate.clone()) {
                    queue.push_back(Place {
                        on: field.of.clone(),
                        entered_by: coordinate,
                        open: format!("{} {}{arguments} {{", place.open, field.name),
                        depth: place.depth + 1,
                        rows: place.rows.clone(),
                    });
                }
            }
            places.push(place);
        }
        places
    }

    /// The fields that can be read at a place.
    pub fn fields_at(&self, place: &Place) -> &[Field] {
        self.fields(&place.on)
    }
}

impl Field {
    pub fn takes(&self, argument: &str) -> bool {
        self.args.iter().any(|given| given.name == argument)
    }

    pub fn is_connection(&self) -> bool {
        self.of.ends_with("Connection")
    }
}

impl Place {
    /// An operation that reads `selection` here. Each item of the list in which the place exists has a field `here`.
    pub fn operation(&self, selection: &str) -> String {
        let inner = format!("{} here: __typename {selection} {}", self.open, "}".repeat(self.depth));
        match &self.rows {
            Rows::Nodes(of) => {
                format!("query($ids: [ID!]!) {{ rows: nodes(ids: $ids) {{ ... on {of} {{ {inner} }} }} }}")
            }
            Rows::Edges(before, after) => format!("query($first: Int!) {{ {before} edges {{ {inner} }} {after} }}"),
        }
    }

    /// An operation that reads `selection` beside the list itself. Only for a connection of the query or the viewer.
    pub fn operation_beside(&self, selection: &str) -> String {
        match &self.rows {
            Rows::Edges(before, after) => {
                format!("query($first: Int!) {{ {before} edges {{ here: __typename }} {selection} {after} }}")
            }
            Rows::Nodes(of) => panic!("the list of {of} is no connection"),
        }
    }

    /// The type of the listed objects, if they are listed by their IDs.
    pub fn node(&self) -> Option<&str> {
        match &self.rows {
            Rows::Nodes(of) => Some(of),
            Rows::Edges(..) => None,
        }
    }

    /// The variables for a list of so many items.
    pub fn variables(&self, ids: &[String], count: usize) -> Value {
        match self.rows {
            Rows::Nodes(_) => json!({ "ids": &ids[..count.min(ids.len())] }),
            Rows::Edges(..) => json!({ "first": count }),
        }
    }

    /// The items of the list in a response.
    pub fn rows(data: &Value) -> Vec<&Value> {
        let rows = find(data, "rows").unwrap_or(&Value::Null);
        let rows = rows.get("edges").unwrap_or(rows);
        rows.as_array().into_iter().flatten().collect()
    }
}

impl Type {
    fn of(of: &Value) -> Type {
        let names = |list: &str| items(of, list).map(|item| text(item, "/name")).collect();
        let fields = items(of, "fields").map(|field| Field {
            name: text(field, "/name"),
            args: items(field, "args").map(Argument::of).collect(),
            of: inner_type(&field["type"]).0,
        });
        Type {
            kind: text(of, "/kind"),
            interfaces: names("interfaces"),
            possible: names("possibleTypes"),
            fields: fields.collect(),
            inputs: items(of, "inputFields").map(Argument::of).collect(),
            values: names("enumValues"),
        }
    }
}

impl Argument {
    fn of(argument: &Value) -> Argument {
        let (of, is_list) = inner_type(&argument["type"]);
        let is_required = argument["type"]["kind"] == "NON_NULL" && argument["defaultValue"].is_null();
        let description = argument["description"].as_str().map(str::to_owned);
        Argument { name: text(argument, "/name"), description, of, is_list, is_required }
    }
}

/// The name of a type without lists and non-null, and whether it is a list.
fn inner_type(mut of: &Value) -> (String, bool) {
    let mut is_list = false;
    while !of["ofType"].is_null() {
        is_list |= of["kind"] == "LIST";
        of = &of["ofType"];
    }
    (text(of, "/name"), is_list)
}

fn items<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of[name].as_array().into_iter().flatten()
}

/// The first value under this key that is not null, at any depth.
pub fn find<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields
            .get(key)
            .filter(|found| !found.is_null())
            .or_else(|| fields.values().find_map(|field| find(field, key))),
        Value::Array(items) => items.iter().find_map(|item| find(item, key)),
        _ => None,
    }
}
