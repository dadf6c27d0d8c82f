//! The people of the demonstration: staff, hosts and guests.

use chrono::{DateTime, TimeDelta, Utc};

use super::cities::{CITIES, City};
use super::random::Random;
use crate::domain::error::Error;
use crate::domain::users::{self, SeedUser, User};
use crate::domain::viewer::{SignedIn, Viewer};
use crate::platform::App;

/// E-mail address of the administrator.
pub const ADMIN: &str = "admin@demo.roost.example";
/// E-mail address of the named host, in the first city.
pub const HOST: &str = "host@demo.roost.example";
/// E-mail address of the named guest, with trips to every city.
pub const GUEST: &str = "guest@demo.roost.example";

const HOSTS_IN_CITY: usize = 5;
const GUESTS_OF_CITY: usize = 19;

const HOST_LINES: &[&str] = &[
    "I answer within the hour and leave you in peace the rest of the time.",
    "Born two streets away. Ask me where to eat; I have opinions.",
    "I restore old furniture, and you will be sitting on some of it.",
    "We started with the spare room and never stopped.",
    "Architect by day. The plants are my partner's doing.",
    "I keep a list of quiet places and share it with guests.",
    "Retired teacher, slow cook, early riser.",
];

const GUEST_LINES: &[&str] = &[
    "I travel for work and always for the food.",
    "Two kids, one guitar, very tidy.",
    "Walks everywhere, reads in the evening.",
    "Mostly here for the museums.",
    "Cyclist. I promise to leave the shoes at the door.",
];

/// All accounts.
pub(super) struct People {
    pub admin: User,
    /// The hosts of each city, in the order of [`CITIES`].
    pub hosts: Vec<Vec<User>>,
    /// The guests from each city, in the same order; the named guest is the first of all.
    pub guests: Vec<Vec<User>>,
}

/// A viewer signed in as this person.
pub(super) fn viewer(user: &User) -> Viewer {
    Viewer::User(SignedIn {
        user_id: user.id,
        session_id: user.id,
        expires_at: DateTime::<Utc>::MAX_UTC,
        is_host: user.is_host,
        is_admin: user.is_admin,
        is_verified: user.email_verified_at.is_some(),
    })
}

/// Creates every account, all with the same password.
pub(super) async fn create_accounts(
    app: &App,
    seed: u64,
    password: &str,
    midnight: DateTime<Utc>,
) -> Result<People, Error> {
    let hash = app.passwords.hash(password.to_owned()).await?;
    let mut random = Random::new(seed, 1);
    let mut accounts = Vec::new();
    for (place, city) in CITIES.iter().enumerate() {
        let mut names = names(&mut random, city);
        for number in 0..HOSTS_IN_CITY + GUESTS_OF_CITY {
            let is_host = number < HOSTS_IN_CITY;
            let email = match (place, number) {
                (0, 0) => HOST.to_owned(),
                (0, HOSTS_IN_CITY) => GUEST.to_owned(),
                _ if is_host => format!("host-{:02}@demo.roost.example", place * HOSTS_IN_CITY + number),
                _ => format!("guest-{:03}@demo.roost.example", place * GUESTS_OF_CITY + number - HOSTS_IN_CITY),
            };
            let age = TimeDelta::days(random.between(500, 900)) + TimeDelta::minutes(random.between(0, 1_439));
            let mut account = account(city, email, names.next().unwrap_or_default(), midnight - age)?;
            account.is_host = is_host;
            account.is_verified = is_host || number == HOSTS_IN_CITY || random.chance(85);
            let lines = if is_host { HOST_LINES } else { GUEST_LINES };
            account.about = (is_host || random.chance(50)).then(|| random.pick(lines).to_owned());
            accounts.push(account);
        }
    }
    let home = CITIES[0];
    let mut admin = account(home, ADMIN.to_owned(), "Roost Support".to_owned(), midnight - TimeDelta::days(1_000))?;
    (admin.is_admin, admin.is_verified) = (true, true);
    accounts.push(admin);

    let mut created = users::seed(app, &hash, accounts).await?;
    let admin = created.pop().ok_or_else(|| Error::failed("no account was created"))?;
    let mut people = People { admin, hosts: Vec::new(), guests: Vec::new() };
    for some in created.chunks(HOSTS_IN_CITY + GUESTS_OF_CITY) {
        let (hosts, guests) = some.split_at(HOSTS_IN_CITY.min(some.len()));
        people.hosts.push(hosts.to_vec());
        people.guests.push(guests.to_vec());
    }
    Ok(people)
}

fn account(city: &City, email: String, display_name: String, created_at: DateTime<Utc>) -> Result<SeedUser, Error> {
    Ok(SeedUser {
        email,
        display_name,
        about: None,
        is_host: false,
        is_admin: false,
        is_verified: false,
        locale: city.locale.to_owned(),
        time_zone: city.zone,
        currency: city.currency.parse().map_err(Error::failed)?,
        created_at,
    })
}

/// First and last names of a city, each pair once, in a random order.
fn names(random: &mut Random, city: &City) -> impl Iterator<Item = String> + use<> {
    let mut names: Vec<(i64, String)> = Vec::new();
    for first in city.first_names {
        for last in city.last_names {
            names.push((random.between(0, i64::MAX - 1), format!("{first} {last}")));
        }
    }
    names.sort();
    names.into_iter().map(|(_, name)| name)
}
