//! Accounts: registration, sign-in and sign-out, sessions, profiles.

use axum::http::Request;
use axum::http::header::USER_AGENT;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::client::{Anonymous, graphql_request};
use crate::harness::TestApp;
use crate::scenarios::{ids, text};

const TOKENS: &str = "tokens { accessToken expiresAt refreshToken refreshExpiresAt }";
const EMAIL: &str = "ana@example.com";
const PASSWORD: &str = "correct horse battery";

fn registration() -> Value {
    json!({ "user": { "email": EMAIL, "password": PASSWORD, "displayName": "Ana", "timeZone": "Europe/Lisbon" } })
}

async fn register(app: &TestApp) -> Value {
    app.mutate_ok(&Anonymous, "userRegister", registration(), TOKENS).await["tokens"].take()
}

async fn sign_in(app: &TestApp) -> Value {
    let given = json!({ "email": EMAIL, "password": PASSWORD });
    app.mutate_ok(&Anonymous, "sessionCreate", given, TOKENS).await["tokens"].take()
}

async fn is_signed_in(app: &TestApp, access: &str) -> bool {
    let body = app.post(access, "{ viewer { email } }", json!({})).await.json();
    let signed_in = body["data"]["viewer"]["email"] == EMAIL;
    assert_eq!(signed_in, body.get("errors").is_none(), "{body:#}");
    if !signed_in {
        assert_eq!(body["errors"][0]["extensions"]["code"], "TOKEN_EXPIRED", "{body:#}");
    }
    signed_in
}

#[tokio::test]
async fn registering_signs_in() {
    let app = TestApp::new().await;
    let given = json!({ "user": { "email": " Ana@Example.COM ", "password": PASSWORD, "displayName": " Ana ",
        "timeZone": "Europe/Lisbon", "locale": "pt-PT" } });
    let selection = format!("viewer {{ email }} {TOKENS}");
    let payload = app.mutate_ok(&Anonymous, "userRegister", given, &selection).await;
    assert_eq!(payload["viewer"]["email"], EMAIL);
    assert_eq!(payload["tokens"]["expiresAt"], "2027-01-05T12:15:00.000Z");
    assert_eq!(payload["tokens"]["refreshExpiresAt"], "2027-02-04T12:00:00.000Z");

    let query = "{ viewer { email emailVerified roles timeZone locale currency \
                 user { displayName createdAt isVerified } } }";
    let data = app.gql(text(&payload, "/tokens/accessToken").as_str(), query, json!({})).await;
    let expected = json!({
        "email": EMAIL, "emailVerified": false, "roles": ["GUEST"], "timeZone": "Europe/Lisbon", "locale": "pt-PT",
        "currency": "USD",
        "user": { "displayName": "Ana", "createdAt": "2027-01-05T12:00:00.000Z", "isVerified": false },
    });
    assert_eq!(data["viewer"], expected);
    app.finish().await;
}

#[tokio::test]
async fn an_email_registers_once_in_any_case() {
    let app = TestApp::new().await;
    register(&app).await;
    let mut repeated = registration();
    repeated["user"]["email"] = json!("ANA@example.com");
    assert_eq!(app.errors(&Anonymous, "userRegister", repeated).await, ["EMAIL_TAKEN user.email"]);
    assert_eq!(app.count("\"user\"", []).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_registration_is_named_in_one_response() {
    let app = TestApp::new().await;
    let given = json!({ "user": { "email": "nobody", "password": "short", "displayName": " ", "locale": "!" } });
    let codes = app.errors(&Anonymous, "userRegister", given).await;
    let expected =
        ["INVALID user.email", "REQUIRED user.displayName", "WEAK_PASSWORD user.password", "INVALID user.locale"];
    assert_eq!(codes, expected);
    assert_eq!(app.count("\"user\"", []).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn too_short_and_too_long_passwords_are_refused() {
    let app = TestApp::new().await;
    for (password, refusal) in [
        ("password123", "WEAK_PASSWORD user.password"),
        ("aaaaaaaaaaaaaaaa", "WEAK_PASSWORD user.password"),
        (EMAIL, "WEAK_PASSWORD user.password"),
        (&"long enough ".repeat(20), "TOO_LONG user.password"),
    ] {
        let mut given = registration();
        given["user"]["password"] = json!(password);
        assert_eq!(app.errors(&Anonymous, "userRegister", given).await, [refusal], "{password}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_email_get_the_same_error() {
    let app = TestApp::new().await;
    register(&app).await;
    let wrong =
        app.user_errors(&Anonymous, "sessionCreate", json!({ "email": EMAIL, "password": "not the password" })).await;
    let unknown = json!({ "email": "eve@example.com", "password": PASSWORD });
    let unknown = app.user_errors(&Anonymous, "sessionCreate", unknown).await;
    assert_eq!(wrong, unknown);
    assert_eq!(wrong[0]["code"], "UNAUTHENTICATED");
    assert!(is_signed_in(&app, &text(&sign_in(&app).await, "/accessToken")).await);
    app.finish().await;
}

#[tokio::test]
async fn passwords_and_refresh_tokens_are_not_in_the_database() {
    let app = TestApp::new().await;
    let tokens = register(&app).await;
    let hash: String = app.value("SELECT password_hash FROM \"user\"", []).await;
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let stored: Vec<u8> = app.value("SELECT hash FROM refresh_token", []).await;
    assert_eq!(stored.len(), 32);
    assert_ne!(stored, text(&tokens, "/refreshToken").into_bytes());
    app.finish().await;
}

#[tokio::test]
async fn an_access_token_expires_after_15_minutes() {
    let app = TestApp::new().await;
    let access = text(&register(&app).await, "/accessToken");
    app.advance(TimeDelta::seconds(14 * 60 + 59));
    assert!(is_signed_in(&app, &access).await);
    app.advance(TimeDelta::seconds(1));
    assert!(!is_signed_in(&app, &access).await);
    app.finish().await;
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let app = TestApp::new().await;
    let access = text(&register(&app).await, "/accessToken");
    let (body, _) = access.rsplit_once('.').unwrap();
    for forged in ["nonsense", "a.b.c", &format!("{body}.AAAA"), &access[1..]] {
        assert!(!is_signed_in(&app, forged).await, "{forged}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_a_new_one() {
    let app = TestApp::new().await;
    let first = register(&app).await;
    app.advance(TimeDelta::days(29));
    let given = json!({ "refreshToken": first["refreshToken"] });
    let selection = format!("{TOKENS} viewer {{ email }}");
    let mut refreshed = app.mutate_ok(&Anonymous, "sessionRefresh", given, &selection).await;
    assert_eq!(refreshed["viewer"], json!({ "email": EMAIL }));
    let second = refreshed["tokens"].take();
    assert_ne!(second["refreshToken"], first["refreshToken"]);
    assert!(is_signed_in(&app, &text(&second, "/accessToken")).await);
    assert!(!is_signed_in(&app, &text(&first, "/accessToken")).await);
    app.advance(TimeDelta::days(30));
    let late = json!({ "refreshToken": second["refreshToken"] });
    assert_eq!(app.errors(&Anonymous, "sessionRefresh", late).await, ["TOKEN_EXPIRED refreshToken"]);
    app.finish().await;
}

#[tokio::test]
async fn using_a_refresh_token_twice_ends_its_session() {
    let app = TestApp::new().await;
    let first = register(&app).await;
    let other = sign_in(&app).await;
    let stolen = json!({ "refreshToken": first["refreshToken"] });
    let second = app.mutate_ok(&Anonymous, "sessionRefresh", stolen.clone(), TOKENS).await["tokens"].take();
    assert!(is_signed_in(&app, &text(&second, "/accessToken")).await);

    assert_eq!(app.errors(&Anonymous, "sessionRefresh", stolen).await, ["TOKEN_EXPIRED refreshToken"]);

    assert!(!is_signed_in(&app, &text(&second, "/accessToken")).await);
    let newest = json!({ "refreshToken": second["refreshToken"] });
    assert_eq!(app.errors(&Anonymous, "sessionRefresh", newest).await, ["TOKEN_EXPIRED refreshToken"]);
    assert!(is_signed_in(&app, &text(&other, "/accessToken")).await, "other sessions are not affected");
    app.finish().await;
}

#[tokio::test]
async fn two_concurrent_refreshes_succeed_once() {
    let app = TestApp::new().await;
    let tokens = register(&app).await;
    let given = || json!({ "refreshToken": tokens["refreshToken"] });
    let (one, two) = tokio::join!(
        app.mutate(&Anonymous, "sessionRefresh", given(), TOKENS),
        app.mutate(&Anonymous, "sessionRefresh", given(), TOKENS)
    );
    assert_eq!([&one, &two].into_iter().filter(|payload| payload["tokens"].is_object()).count(), 1);
    app.finish().await;
}

#[tokio::test]
async fn signing_out_takes_effect_at_once() {
    let app = TestApp::new().await;
    let tokens = register(&app).await;
    let access = text(&tokens, "/accessToken");
    let payload = app.mutate_ok(access.as_str(), "sessionRevoke", json!({}), "revokedIds").await;
    assert_eq!(payload["revokedIds"].as_array().unwrap().len(), 1);
    assert!(!is_signed_in(&app, &access).await);
    let refresh = json!({ "refreshToken": tokens["refreshToken"] });
    assert_eq!(app.errors(&Anonymous, "sessionRefresh", refresh).await, ["TOKEN_EXPIRED refreshToken"]);
    app.finish().await;
}

#[tokio::test]
async fn a_user_lists_their_sessions_and_revokes_one() {
    let app = TestApp::new().await;
    let first = text(&register(&app).await, "/accessToken");
    app.advance(TimeDelta::minutes(1));
    let query = "mutation($email: String!, $password: String!) { \
                 sessionCreate(email: $email, password: $password) { tokens { accessToken } } }";
    let request = graphql_request(None, query, &json!({ "email": EMAIL, "password": PASSWORD }));
    let (mut parts, body) = request.into_parts();
    parts.headers.insert(USER_AGENT, "Phone 7".parse().unwrap());
    let second = app.send(Request::from_parts(parts, body)).await.json();
    let second = text(&second, "/data/sessionCreate/tokens/accessToken");

    let query = "{ viewer { sessions { totalCount nodes { id createdAt userAgent isCurrent } } } }";
    let sessions = app.gql(second.as_str(), query, json!({})).await["viewer"]["sessions"].take();
    assert_eq!(sessions["totalCount"], 2);
    assert_eq!(sessions["nodes"][0]["isCurrent"], true);
    assert_eq!(sessions["nodes"][0]["userAgent"], "Phone 7");
    assert_eq!(sessions["nodes"][0]["createdAt"], "2027-01-05T12:01:00.000Z");
    assert_eq!(sessions["nodes"][1]["isCurrent"], false);

    let other = &ids(&sessions, "/nodes")[1];
    let payload = app.mutate_ok(second.as_str(), "sessionRevoke", json!({ "id": other }), "revokedIds").await;
    assert_eq!(payload["revokedIds"], json!([other]));
    assert!(!is_signed_in(&app, &first).await);
    assert!(is_signed_in(&app, &second).await);
    let left = app.gql(second.as_str(), query, json!({})).await;
    assert_eq!(left["viewer"]["sessions"]["totalCount"], 1);
    app.finish().await;
}

#[tokio::test]
async fn a_user_cannot_revoke_another_users_session() {
    let app = TestApp::new().await;
    let (guest, other) = (app.guest().await, app.guest().await);
    let query = "{ viewer { sessions { nodes { id } } } }";
    let session = ids(&app.gql(&other, query, json!({})).await, "/viewer/sessions/nodes").remove(0);
    assert_eq!(app.errors(&guest, "sessionRevoke", json!({ "id": session })).await, ["NOT_FOUND id"]);
    assert_eq!(app.gql(&other, "{ viewer { user { id } } }", json!({})).await["viewer"]["user"]["id"], other.id());
    app.finish().await;
}

#[tokio::test]
async fn a_profile_update_changes_only_the_given_fields() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    let selection = "viewer { phone locale timeZone currency user { displayName about } }";
    let change = json!({ "user": { "about": "I like trains.", "phone": "+351 21 000-0000", "currency": "EUR" } });
    let changed = app.mutate_ok(&guest, "userUpdate", change, selection).await;
    let expected = json!({
        "phone": "+351210000000", "locale": "en", "timeZone": "UTC", "currency": "EUR",
        "user": { "displayName": "Gil the guest", "about": "I like trains." },
    });
    assert_eq!(changed["viewer"], expected);
    let cleared = app.mutate_ok(&guest, "userUpdate", json!({ "user": { "about": "" } }), selection).await;
    assert_eq!(cleared["viewer"]["user"]["about"], Value::Null);
    assert_eq!(cleared["viewer"]["phone"], "+351210000000");
    app.finish().await;
}

#[tokio::test]
async fn a_profile_update_with_invalid_fields_changes_nothing() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for (change, refusal) in [
        (json!({ "displayName": "" }), "REQUIRED user.displayName"),
        (json!({ "displayName": "x".repeat(81) }), "TOO_LONG user.displayName"),
        (json!({ "displayName": "Bell\u{7}" }), "INVALID user.displayName"),
        (json!({ "about": "x".repeat(2_001) }), "TOO_LONG user.about"),
        (json!({ "phone": "12" }), "INVALID user.phone"),
        (json!({ "locale": "no language" }), "INVALID user.locale"),
        (json!({ "timeZone": "Mars/Olympus" }), "INVALID user.timeZone"),
        (json!({ "currency": "XTS" }), "INVALID user.currency"),
    ] {
        let mut given = json!({ "user": { "about": "changed" } });
        given["user"].as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        assert_eq!(app.errors(&guest, "userUpdate", given).await, [refusal]);
    }
    let about: Option<String> = app.value("SELECT about FROM \"user\" WHERE id = $1", [guest.user.into()]).await;
    assert_eq!(about, None);
    app.finish().await;
}

#[tokio::test]
async fn becoming_a_host_twice_changes_nothing() {
    let app = TestApp::new().await;
    let guest = app.guest().await;
    for _ in 0..2 {
        let payload = app.mutate_ok(&guest, "userBecomeHost", json!({}), "viewer { roles }").await;
        assert_eq!(payload["viewer"]["roles"], json!(["GUEST", "HOST"]));
    }
    app.published_listing(&guest, json!({})).await;
    app.finish().await;
}

#[tokio::test]
async fn an_anonymous_client_has_no_viewer() {
    let app = TestApp::new().await;
    assert_eq!(app.gql(&Anonymous, "{ viewer { email } }", json!({})).await, json!({ "viewer": null }));
    app.finish().await;
}
