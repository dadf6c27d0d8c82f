//! Repeated sign-ins with one key. No tokens are stored, so the response has new tokens of the same session.

use super::*;

const TOKENS: &str = "tokens { accessToken refreshToken }";
const PASSWORD: &str = "correct horse battery";

fn account() -> Value {
    json!({ "user": { "email": "new@example.com", "password": PASSWORD, "displayName": "New" } })
}

fn refresh(payload: &Value) -> Value {
    json!({ "refreshToken": payload["tokens"]["refreshToken"] })
}

async fn load_own_id(app: &TestApp, payload: &Value) -> String {
    let token = text(payload, "/tokens/accessToken");
    text(&app.gql(token.as_str(), "{ viewer { user { id } } }", json!({})).await, "/viewer/user/id")
}

#[tokio::test]
async fn a_repeated_registration_returns_new_tokens_of_the_same_session() {
    let app = TestApp::new().await;
    let (first, _) = send_with_key(&app, &Anonymous, "userRegister", account(), TOKENS, "one").await;
    let (repeated, replayed) = send_with_key(&app, &Anonymous, "userRegister", account(), TOKENS, "one").await;
    assert!(replayed);
    assert_ne!(repeated["tokens"]["refreshToken"], first["tokens"]["refreshToken"]);
    assert_eq!(load_own_id(&app, &first).await, load_own_id(&app, &repeated).await);
    assert_eq!((app.count("\"user\"", []).await, app.count("session", []).await), (1, 1));

    // The first refresh token is removed and does not count as used: using it fails, and the session continues.
    assert_eq!(app.errors(&Anonymous, "sessionRefresh", refresh(&first)).await, ["TOKEN_EXPIRED refreshToken"]);
    load_own_id(&app, &repeated).await;
    let later = app.mutate_ok(&Anonymous, "sessionRefresh", refresh(&repeated), TOKENS).await;
    load_own_id(&app, &later).await;
    app.finish().await;
}

#[tokio::test]
async fn no_password_or_token_is_stored() {
    let app = TestApp::new().await;
    let (first, _) = send_with_key(&app, &Anonymous, "userRegister", account(), TOKENS, "one").await;
    let row = app.rows("SELECT * FROM idempotency_key", []).await.remove(0);
    let fingerprint: Vec<u8> = row.try_get_by("fingerprint").unwrap();
    let subject: Value = row.try_get_by("subject").unwrap();
    assert_eq!((fingerprint.len(), subject.as_array().unwrap().len()), (32, 2));
    let plain = roost::platform::signing::fingerprint(&account().to_string());
    assert_ne!(fingerprint, plain);
    let whole = format!("{subject}");
    assert!(!whole.contains(PASSWORD) && !whole.contains(&text(&first, "/tokens/refreshToken")));
    let mut other = account();
    other["user"]["password"] = json!("another good password");
    let (refused, _) = send_with_key(&app, &Anonymous, "userRegister", other, TOKENS, "one").await;
    assert_eq!((errors(&refused), &refused["tokens"]), (vec!["IDEMPOTENCY_KEY_REUSED".to_owned()], &Value::Null));
    app.finish().await;
}

#[tokio::test]
async fn a_sign_in_is_replayed_until_its_session_is_refreshed_or_ends() {
    let app = TestApp::new().await;
    app.mutate_ok(&Anonymous, "userRegister", account(), TOKENS).await;
    let given = json!({ "email": "new@example.com", "password": PASSWORD });
    send_with_key(&app, &Anonymous, "sessionCreate", given.clone(), TOKENS, "one").await;
    let (repeated, _) = send_with_key(&app, &Anonymous, "sessionCreate", given.clone(), TOKENS, "one").await;
    assert_eq!(app.count("session", []).await, 2);
    app.advance(TimeDelta::minutes(1));
    let later = app.mutate_ok(&Anonymous, "sessionRefresh", refresh(&repeated), TOKENS).await;
    // The client used its refresh token, so it received the response. A repeated sign-in is not its retry.
    let (refused, _) = send_with_key(&app, &Anonymous, "sessionCreate", given.clone(), TOKENS, "one").await;
    assert_eq!(errors(&refused), ["TOKEN_EXPIRED"]);
    load_own_id(&app, &later).await;
    app.mutate_ok(&Anonymous, "sessionRefresh", refresh(&later), TOKENS).await;

    let (ended, _) = send_with_key(&app, &Anonymous, "sessionCreate", given.clone(), TOKENS, "two").await;
    app.mutate_ok(text(&ended, "/tokens/accessToken").as_str(), "sessionRevoke", json!({}), "revokedIds").await;
    let (refused, _) = send_with_key(&app, &Anonymous, "sessionCreate", given, TOKENS, "two").await;
    assert_eq!((errors(&refused), &refused["tokens"]), (vec!["TOKEN_EXPIRED".to_owned()], &Value::Null));
    app.finish().await;
}

#[tokio::test]
async fn password_attempts_with_a_key_count_too() {
    let app = TestApp::with(&["--rate-limit=1000", "--redis-url="]).await;
    let given = |password: &str| json!({ "email": "new@example.com", "password": password });
    app.mutate_ok(&Anonymous, "userRegister", account(), TOKENS).await;
    send_with_key(&app, &Anonymous, "sessionCreate", given(PASSWORD), TOKENS, "one").await;
    let query = document_with("sessionCreate", &given("a guess"), TOKENS, Some("one"));
    let mut tries = 0;
    let last = loop {
        let body = app.post(&Anonymous, &query, given("a guess")).await.json();
        let codes = errors(&body["data"]["sessionCreate"]);
        tries += 1;
        if codes != ["IDEMPOTENCY_KEY_REUSED"] || tries == 1_000 {
            break codes;
        }
    };
    assert_eq!(last, ["RATE_LIMITED"], "after {tries} tries");
    let right = document_with("sessionCreate", &given(PASSWORD), TOKENS, Some("one"));
    let body = app.post(&Anonymous, &right, given(PASSWORD)).await.json();
    assert_eq!(errors(&body["data"]["sessionCreate"]), ["RATE_LIMITED"]);
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_refresh_with_its_key_does_not_end_the_session() {
    let app = TestApp::new().await;
    let start = app.mutate_ok(&Anonymous, "userRegister", account(), TOKENS).await;
    app.advance(TimeDelta::minutes(1));
    send_with_key(&app, &Anonymous, "sessionRefresh", refresh(&start), TOKENS, "one").await;
    let (repeated, replayed) = send_with_key(&app, &Anonymous, "sessionRefresh", refresh(&start), TOKENS, "one").await;
    assert!(replayed);
    load_own_id(&app, &repeated).await;
    app.advance(TimeDelta::minutes(1));
    let later = app.mutate_ok(&Anonymous, "sessionRefresh", refresh(&repeated), TOKENS).await;
    // Without the key, a second use of the token is treated as theft and ends the session.
    assert_eq!(app.errors(&Anonymous, "sessionRefresh", refresh(&start)).await, ["TOKEN_EXPIRED refreshToken"]);
    let token = text(&later, "/tokens/accessToken");
    assert_eq!(
        app.post(token.as_str(), "{ viewer { user { id } } }", json!({})).await.status,
        StatusCode::UNAUTHORIZED
    );
    app.finish().await;
}
